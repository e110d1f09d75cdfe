// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "scrip/interfaces/IScrip.sol";
import {Test} from "forge-std/Test.sol";
import {LibRLP} from "solady/utils/LibRLP.sol";

/// @notice Whoever calls, with whatever arguments: an account without rights changes nobody's credits. On the core itself, with a
/// holder who has credits of a plan that the owner may revoke, and access to another.
contract AuthoritySymbolic is Test {
    address internal constant OWNER = address(0xa11);
    address internal constant HOLDER = address(0xb22);
    address internal constant OPERATOR = address(0xc33);

    IScrip internal scrip;
    uint256 internal credits;
    uint256 internal access;

    function setUp() public {
        vm.warp(1_800_000_000);
        scrip = IScrip(deployCode("target/halmos/Scrip.sol/Scrip.json", abi.encode(address(0))));
        // The prover creates contracts at addresses of its own making; the core expects its annex where a chain puts it.
        address annex = deployCode("target/halmos/Annex.sol/Annex.json");
        vm.etch(LibRLP.computeAddress(address(scrip), 2), annex.code);

        vm.startPrank(OWNER);
        credits = scrip.createPlan(terms(IScrip.Grant(IScrip.GrantKind.Credits, 100, 30 days)), 0);
        access = scrip.createPlan(terms(IScrip.Grant(IScrip.GrantKind.Time, 0, 30 days)), 0);
        scrip.setOperator(credits, OPERATOR, 7);
        scrip.setOperator(access, OPERATOR, 7);
        scrip.mint(credits, HOLDER, 70);
        scrip.mintExpirable(credits, HOLDER, 30, 1 days);
        scrip.mint(access, HOLDER, 2);
        vm.stopPrank();
    }

    /// @dev For nothing, so that nothing but rights stands between a stranger and credits.
    function terms(IScrip.Grant memory grant) internal pure returns (IScrip.Terms memory made) {
        made.grant = grant;
        made.redemption = IScrip.Redemption({minimum: 1, maximum: 100, redeemers: 7, voucherRequired: false});
        made.revocable = true;
    }

    function asStranger(address caller) internal {
        // Nobody calls as zero; if anybody could, it would be the owner-to-be where there is none.
        vm.assume(
            caller != address(0) && caller != OWNER && caller != HOLDER && caller != OPERATOR
                && caller != address(scrip)
        );
        vm.prank(caller);
    }

    function assertUnchanged() internal view {
        assert(scrip.balanceOf(HOLDER, credits) == 100);
        assert(scrip.lotsOf(credits, HOLDER).length == 2);
        assert(scrip.accessEnd(access, HOLDER) == 1_800_000_000 + 60 days);
    }

    function check_aStrangersBurnChangesNothing(address caller, bool which, uint64 amount) public {
        asStranger(caller);
        try scrip.burn(which ? credits : access, HOLDER, amount) {
            assert(false);
        } catch {}
        assertUnchanged();
    }

    function check_aStrangersRedemptionChangesNothing(address caller, bool which, uint64 amount, uint256 request)
        public
    {
        asStranger(caller);
        try scrip.redeem(which ? credits : access, HOLDER, amount, request) {
            assert(false);
        } catch {}
        assertUnchanged();
    }

    function check_aStrangersRedemptionWithoutIdChangesNothing(address caller, bool which, uint64 amount) public {
        asStranger(caller);
        try scrip.redeemWithoutId(which ? credits : access, HOLDER, amount) {
            assert(false);
        } catch {}
        assertUnchanged();
    }

    function check_aStrangerMintsNothing(address caller, address holder, bool which, uint64 amount) public {
        asStranger(caller);
        try scrip.mint(which ? credits : access, holder, amount) {
            assert(false);
        } catch {}
        assertUnchanged();
    }

    function check_aStrangerMintsNothingThatExpires(address caller, address holder, uint64 amount, uint32 duration)
        public
    {
        asStranger(caller);
        try scrip.mintExpirable(credits, holder, amount, duration) {
            assert(false);
        } catch {}
        assertUnchanged();
    }

    function check_aStrangerNamesNoOperator(address caller, address operator, uint8 permissions, bool which) public {
        asStranger(caller);
        try scrip.setOperator(which ? credits : access, operator, permissions) {
            assert(false);
        } catch {}
    }

    function check_aStrangerTakesNoPlanOver(address caller, address newOwner) public {
        asStranger(caller);
        try scrip.transferOwnership(credits, newOwner) {
            assert(false);
        } catch {}
        vm.prank(caller);
        try scrip.acceptOwnership(credits) {
            assert(false);
        } catch {}
        vm.prank(caller);
        try scrip.setOpen(credits, false) {
            assert(false);
        } catch {}
    }

    /// @dev These plans' clocks and limits are the holder's own affair, even where they cost nothing.
    function check_aStrangerOrdersNothingForTheHolder(address caller, bool which, uint32 quantity) public {
        asStranger(caller);
        try scrip.order(which ? credits : access, HOLDER, quantity, 0) {
            assert(false);
        } catch {}
        assertUnchanged();
    }

    /// @dev The owner revokes at most what there is, and an operator may not at all.
    function check_anOperatorDoesNotRevoke(uint64 amount, bool which) public {
        vm.prank(OPERATOR);
        try scrip.burn(which ? credits : access, HOLDER, amount) {
            assert(false);
        } catch {}
        assertUnchanged();
    }

    /// @dev Whoever may spend, spends no more than there is, and exactly what it says.
    function check_aBurnTakesExactlyItsAmount(uint64 amount, bool byOwner) public {
        vm.prank(byOwner ? OWNER : HOLDER);
        try scrip.burn(credits, HOLDER, amount) {
            assert(amount > 0 && amount <= 100);
            assert(scrip.balanceOf(HOLDER, credits) == 100 - amount);
        } catch {
            assert(amount == 0 || amount > 100);
            assertUnchanged();
        }
    }
}
