// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";

/// @title Router
contract Router {
    IScrip public immutable SCRIP = IScrip(msg.sender);
}
