// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// A payout's Merkle tree as OpenZeppelin's StandardMerkleTree lays it out: 2n - 1 nodes, the root first,
/// then the inner ones; the leaves last, the smallest hash at the very end.
library PayoutTree {
    function leafOf(uint256 epoch, uint256 index, address account, uint256 amount)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(bytes.concat(keccak256(abi.encode(epoch, index, account, amount))));
    }

    function build(bytes32[] memory leaves) internal pure returns (bytes32[] memory tree) {
        bytes32[] memory sorted = sort(leaves);
        uint256 count = sorted.length;
        tree = new bytes32[](2 * count - 1);
        for (uint256 i; i < count; ++i) {
            tree[tree.length - 1 - i] = sorted[i];
        }
        for (uint256 i = tree.length - count; i > 0; --i) {
            tree[i - 1] = Hashes.commutativeKeccak256(tree[2 * i - 1], tree[2 * i]);
        }
    }

    function proof(bytes32[] memory tree, bytes32 leaf) internal pure returns (bytes32[] memory path) {
        uint256 node = tree.length;
        do {
            node -= 1;
        } while (tree[node] != leaf);
        uint256 depth;
        for (uint256 i = node; i > 0; i = (i - 1) / 2) {
            ++depth;
        }
        path = new bytes32[](depth);
        for (uint256 i; i < depth; ++i) {
            path[i] = tree[node % 2 == 0 ? node - 1 : node + 1];
            node = (node - 1) / 2;
        }
    }

    function sort(bytes32[] memory leaves) private pure returns (bytes32[] memory sorted) {
        sorted = leaves;
        for (uint256 i = 1; i < sorted.length; ++i) {
            bytes32 leaf = sorted[i];
            uint256 gap = i;
            for (; gap > 0 && sorted[gap - 1] > leaf; --gap) {
                sorted[gap] = sorted[gap - 1];
            }
            sorted[gap] = leaf;
        }
    }
}
