// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
}

interface IV2Pair is IPool {
    function getReserves() external view returns (uint112, uint112, uint32);
    function mint(address to) external returns (uint256);
    function swap(uint256 out0, uint256 out1, address to, bytes calldata data) external;
}

interface IV3Pool is IPool {
    function mint(address recipient, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
}

/// Holds tokens, fills pools with them and trades, for tests.
contract Trader {
    function fillV2(IV2Pair pair, uint256 amount0, uint256 amount1) external {
        IToken(pair.token0()).transfer(address(pair), amount0);
        IToken(pair.token1()).transfer(address(pair), amount1);
        pair.mint(address(this));
    }

    function tradeV2(IV2Pair pair, bool zeroForOne, uint256 amountIn) external {
        (uint256 in_, uint256 out, ) = pair.getReserves();
        if (!zeroForOne) (in_, out) = (out, in_);
        IToken(zeroForOne ? pair.token0() : pair.token1()).transfer(address(pair), amountIn);
        uint256 after_ = amountIn * 997;
        uint256 amountOut = (after_ * out) / (in_ * 1000 + after_);
        pair.swap(zeroForOne ? 0 : amountOut, zeroForOne ? amountOut : 0, address(this), "");
    }

    function fillV3(IV3Pool pool, int24 lower, int24 upper, uint128 liquidity) external {
        pool.mint(address(this), lower, upper, liquidity, "");
    }

    function tradeV3(IV3Pool pool, bool zeroForOne, int256 amountIn, uint160 limit) external {
        pool.swap(address(this), zeroForOne, amountIn, limit, "");
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        pay(owed0, owed1);
    }

    function uniswapV3SwapCallback(int256 owed0, int256 owed1, bytes calldata) external {
        pay(owed0 > 0 ? uint256(owed0) : 0, owed1 > 0 ? uint256(owed1) : 0);
    }

    function pay(uint256 owed0, uint256 owed1) private {
        if (owed0 > 0) IToken(IPool(msg.sender).token0()).transfer(msg.sender, owed0);
        if (owed1 > 0) IToken(IPool(msg.sender).token1()).transfer(msg.sender, owed1);
    }
}
