// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// What every test contract is: forge's cheatcodes and what an invariant test aims at.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address[] private _targets;

    /// Read by forge: an invariant test calls these contracts only.
    function targetContracts() external view returns (address[] memory) {
        return _targets;
    }

    function aimAt(address target) internal {
        _targets.push(target);
    }

    /// A value between `low` and `high`, both included, from any value.
    function within(uint256 any, uint256 low, uint256 high) internal pure returns (uint256) {
        uint256 size = high - low + 1;
        return size == 0 ? any : low + any % size;
    }
}
