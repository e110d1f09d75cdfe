//! The fee, and who sets it.

use alloy::primitives::Address;

use super::{Answer, Model, Part, demand};
use crate::{abi::IScrip, cast::Who};

impl Model {
    pub(super) fn set_fee(&mut self, caller: Address, call: IScrip::setFeeCall) -> Answer {
        self.check_controller(caller)?;
        let IScrip::setFeeCall { receiver, rate } = call;
        let is_valid =
            rate == 0 || (rate <= 100 && !receiver.is_zero() && receiver != self.cast.at(Who::Core));
        demand(is_valid, || IScrip::InvalidFee { receiver, rate, maximum: 100 })?;
        (self.state.books.fee_receiver, self.state.books.fee_rate) = (receiver, rate);
        self.emit(&IScrip::FeeSet { receiver, rate });
        Ok(Vec::new())
    }

    pub(super) fn offer_fee_control(&mut self, caller: Address, call: IScrip::offerFeeControlCall) -> Answer {
        self.check_controller(caller)?;
        self.state.books.pending_controller = call.newController;
        self.emit(&IScrip::FeeControlOffered { controller: caller, pendingController: call.newController });
        Ok(Vec::new())
    }

    pub(super) fn accept_fee_control(&mut self, caller: Address) -> Answer {
        let pendingController = self.state.books.pending_controller;
        demand(caller == pendingController, || IScrip::NotPendingFeeController {
            caller,
            pendingController,
        })?;
        self.take_fee_control(caller)
    }

    pub(super) fn renounce_fee_control(&mut self, caller: Address) -> Answer {
        self.check_controller(caller)?;
        self.take_fee_control(Address::ZERO)
    }

    fn take_fee_control(&mut self, controller: Address) -> Answer {
        let formerController = self.state.books.controller;
        self.state.books.controller = controller;
        self.state.books.pending_controller = Address::ZERO;
        self.emit(&IScrip::FeeControlTaken { formerController, controller });
        Ok(Vec::new())
    }

    fn check_controller(&self, caller: Address) -> Part<()> {
        let controller = self.state.books.controller;
        demand(caller == controller, || IScrip::NotFeeController { caller, controller })
    }
}
