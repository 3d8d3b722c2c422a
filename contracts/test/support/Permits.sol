// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SynorToken} from "../../src/SynorToken.sol";

/// What an owner signs to approve by EIP-2612.
function permitDigest(
    SynorToken token,
    address owner,
    address spender,
    uint256 value,
    uint256 nonce,
    uint256 deadline
) view returns (bytes32) {
    bytes32 typehash = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );
    bytes32 body = keccak256(abi.encode(typehash, owner, spender, value, nonce, deadline));
    return keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), body));
}
