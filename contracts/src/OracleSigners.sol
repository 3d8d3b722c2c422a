// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @title Whose reports make a price, and how many of them it takes
/// @notice At most 32 signers, each in a numbered place. The quorum is always more than half of them, so
/// that two disjoint groups can never both make one.
abstract contract OracleSigners is AccessControl {
    /// @notice How many places there are.
    uint8 public constant PLACES = 32;

    /// @notice How many different signers a round needs.
    uint8 public quorum;
    /// @notice How many signers there are.
    uint8 public signerCount;

    address[PLACES] private _signers;
    mapping(address signer => uint256 placePlusOne) private _placePlusOne;

    /// @notice A place was given to a signer (or to nobody), and the quorum set.
    event SignerSet(uint8 indexed place, address indexed signer, uint8 quorum);

    /// @notice There is no such place.
    error NoSuchPlace(uint8 place);
    /// @notice The signer has another place.
    error SignerKnown(address signer);
    /// @notice The quorum is not a majority of the signers, or more than all of them.
    error QuorumUnfit(uint8 quorum, uint8 signers);

    constructor(address[] memory signers_, uint8 quorum_) {
        if (signers_.length > PLACES) revert NoSuchPlace(PLACES);
        for (uint8 place; place < signers_.length; ++place) {
            _place(place, signers_[place]);
            emit SignerSet(place, signers_[place], quorum_);
        }
        _setQuorum(quorum_);
    }

    /// @notice Gives a place to a signer, instead of whoever had it, and sets the quorum with it.
    /// @param place From 0 to 31.
    /// @param signer Who signs; zero empties the place.
    /// @param quorum_ More than half of the signers, at most all.
    function setSigner(uint8 place, address signer, uint8 quorum_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _place(place, signer);
        _setQuorum(quorum_);
        emit SignerSet(place, signer, quorum_);
    }

    /// @notice The signers by place; empty places are zero.
    function signers() external view returns (address[PLACES] memory) {
        return _signers;
    }

    /// @notice Whether an address is a signer.
    function isSigner(address candidate) external view returns (bool) {
        return _placePlusOne[candidate] != 0;
    }

    /// @dev A bit that is this signer's alone; zero if it is none.
    function _bitOf(address signer) internal view returns (uint256) {
        uint256 placePlusOne = _placePlusOne[signer];
        // forge-lint: disable-next-line(incorrect-shift)
        return placePlusOne == 0 ? 0 : 1 << placePlusOne;
    }

    function _place(uint8 place, address signer) private {
        if (place >= PLACES) revert NoSuchPlace(place);
        address previous = _signers[place];
        if (previous != address(0)) {
            delete _placePlusOne[previous];
            signerCount -= 1;
        }
        if (signer != address(0)) {
            if (_placePlusOne[signer] != 0) revert SignerKnown(signer);
            _placePlusOne[signer] = uint256(place) + 1;
            signerCount += 1;
        }
        _signers[place] = signer;
    }

    function _setQuorum(uint8 quorum_) private {
        uint256 count = signerCount;
        if (quorum_ > count || uint256(quorum_) * 2 <= count) revert QuorumUnfit(quorum_, signerCount);
        quorum = quorum_;
    }
}
