// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {SynorBilling} from "../../src/SynorBilling.sol";
import {FeeSplitter} from "../../src/FeeSplitter.sol";

/// A token that keeps a hundredth of every transfer, as some do.
contract FeeOnTransferToken is ERC20("Greedy", "GRD") {
    constructor(address holder) {
        _mint(holder, 1e30);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) return super._update(from, to, value);
        super._update(from, address(0xFEE), value / 100);
        super._update(from, to, value - value / 100);
    }
}

/// A token that calls back into the billing contract in the middle of a transfer, to be counted twice.
contract CallbackToken is ERC20("Callback", "CBK") {
    SynorBilling public target;
    bytes public call_;
    bool public refused;

    constructor(address holder) {
        _mint(holder, 1e30);
    }

    function aim(SynorBilling target_, bytes calldata data) external {
        target = target_;
        call_ = data;
        _approve(address(this), address(target_), type(uint256).max);
        _mint(address(this), 1e30);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (address(target) != address(0) && to == address(target) && from != address(this)) {
            (bool done,) = address(target).call(call_);
            refused = !done;
        }
    }
}

/// A token coarser than a µSYNOR.
contract CoarseToken is ERC20("Coarse", "CRS") {
    function decimals() public pure override returns (uint8) {
        return 5;
    }
}
