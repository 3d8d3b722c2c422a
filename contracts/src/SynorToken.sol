// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title SYNOR as an ERC-20, for an EVM chain that a bridge serves and for tests
/// @notice Transfers, permits (EIP-2612) and burning are OpenZeppelin's. New coins come from the minter
/// only: a bridge that has locked as many on the Synor L1.
contract SynorToken is ERC20, ERC20Burnable, ERC20Permit, AccessControl {
    /// @notice May mint. Held by a bridge, or by nobody.
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");

    uint8 private immutable DECIMALS;

    /// @param decimals_ Of the smallest unit: 8 as on the L1, or what the chain's wallets expect.
    /// @param admin Grants the minter's role; is given no coins.
    constructor(uint8 decimals_, address admin) ERC20("Synor", "SYNOR") ERC20Permit("Synor") {
        DECIMALS = decimals_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice How many decimals the smallest unit has.
    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    /// @notice Makes new coins.
    /// @param to Who receives them.
    /// @param amount How many, in the smallest unit.
    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        _mint(to, amount);
    }
}
