// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Distribution, Permit} from "../../src/SynorBilling.sol";
import {Fixture} from "../support/Fixture.sol";

/// Who may call what, and what a pause stops.
contract BillingAccessTest is Fixture {
    function setUp() public override {
        super.setUp();
        pay(INVOICE, 10 * SYNOR);
        vm.prank(alice);
        billing.deposit(ACCOUNT, 10 * SYNOR);
        grantForAMonth(50 * SYNOR, 120 * SYNOR);
        distribute(INVOICE, SYNOR, "", 0);
    }

    function test_charge_is_the_operators_alone() external {
        bytes memory data = abi.encodeCall(billing.charge, (alice, ACCOUNT, "inv-2", SYNOR));
        onlyRoleMay(address(billing), data, billing.OPERATOR_ROLE());
    }

    function test_distribute_is_the_operators_alone() external {
        Distribution[] memory list = new Distribution[](1);
        list[0] = Distribution(INVOICE, "", SYNOR, 0);
        onlyRoleMay(address(billing), abi.encodeCall(billing.distribute, (list)), billing.OPERATOR_ROLE());
    }

    function test_reverseDistribution_is_the_operators_alone() external {
        Distribution memory it = Distribution(INVOICE, "", SYNOR, 0);
        bytes memory data = abi.encodeCall(billing.reverseDistribution, (it));
        onlyRoleMay(address(billing), data, billing.OPERATOR_ROLE());
    }

    function test_refund_is_the_refunders_alone() external {
        bytes memory data = abi.encodeCall(billing.refund, (INVOICE, STRANGER, SYNOR));
        onlyRoleMay(address(billing), data, billing.REFUNDER_ROLE());
    }

    function test_refundDeposit_is_the_refunders_alone() external {
        bytes memory data = abi.encodeCall(billing.refundDeposit, (ACCOUNT, STRANGER, SYNOR));
        onlyRoleMay(address(billing), data, billing.REFUNDER_ROLE());
    }

    function test_pause_is_the_pausers_and_unpause_the_admins() external {
        onlyRoleMay(address(billing), abi.encodeCall(billing.pause, ()), billing.PAUSER_ROLE());
        vm.prank(PAUSER);
        billing.pause();
        onlyRoleMay(address(billing), abi.encodeCall(billing.unpause, ()), billing.DEFAULT_ADMIN_ROLE());
        vm.prank(ADMIN);
        billing.unpause();
        pay(INVOICE, SYNOR);
    }

    function test_billing_roles_are_the_admins() external {
        bytes32 role = billing.OPERATOR_ROLE();
        bytes memory data = abi.encodeCall(billing.grantRole, (role, STRANGER));
        onlyRoleMay(address(billing), data, billing.DEFAULT_ADMIN_ROLE());
        data = abi.encodeCall(billing.revokeRole, (role, OPERATOR));
        onlyRoleMay(address(billing), data, billing.DEFAULT_ADMIN_ROLE());
        vm.expectRevert();
        vm.prank(STRANGER);
        billing.renounceRole(role, OPERATOR);
    }

    function test_a_paused_billing_contract_moves_nothing() external {
        vm.prank(PAUSER);
        billing.pause();
        Distribution[] memory list = new Distribution[](1);
        list[0] = Distribution(INVOICE, "", SYNOR, 0);
        Permit memory unsigned;
        stopped(alice, abi.encodeCall(billing.payInvoice, (INVOICE, SYNOR)));
        stopped(alice, abi.encodeCall(billing.payWithPermit, (INVOICE, SYNOR, unsigned)));
        stopped(alice, abi.encodeCall(billing.deposit, (ACCOUNT, SYNOR)));
        stopped(alice, abi.encodeCall(billing.depositWithPermit, (ACCOUNT, SYNOR, unsigned)));
        stopped(OPERATOR, abi.encodeCall(billing.charge, (alice, ACCOUNT, "inv-2", SYNOR)));
        stopped(OPERATOR, abi.encodeCall(billing.distribute, (list)));
        stopped(OPERATOR, abi.encodeCall(billing.reverseDistribution, (list[0])));
        stopped(REFUNDER, abi.encodeCall(billing.refund, (INVOICE, alice, SYNOR)));
        stopped(REFUNDER, abi.encodeCall(billing.refundDeposit, (ACCOUNT, alice, SYNOR)));
        stopped(ADMIN, abi.encodeCall(billing.rescue, (address(token), ADMIN, 0)));
    }

    function test_a_grant_can_be_revoked_while_paused() external {
        vm.prank(PAUSER);
        billing.pause();
        vm.prank(alice);
        billing.revokeGrant(ACCOUNT);
        vm.assertEq(billing.grants(alice, ACCOUNT).maxPerInvoice, 0, "revoked");
    }

    function stopped(address caller, bytes memory data) private {
        vm.prank(caller);
        (bool done, bytes memory answer) = address(billing).call(data);
        vm.assertTrue(!done, "moved while paused");
        vm.assertEq(
            keccak256(answer),
            keccak256(abi.encodeWithSelector(Pausable.EnforcedPause.selector)),
            "refused for the pause"
        );
    }
}
