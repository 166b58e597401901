"""Series of harmonics against a dense least-squares solver."""

from __future__ import annotations

import numpy as np
import pytest

from skyhouse.lightcurves.harmonics import MOST, coefficients, factor, fold, most_orders, normal, predict


def design(time, frequency, order):
    phase = 2 * np.pi * frequency * time
    columns = [np.ones(len(time))]
    for k in range(1, order + 1):
        columns += [np.cos(k * phase), np.sin(k * phase)]
    return np.column_stack(columns)


def prepared(time, value, weight, frequency, orders):
    cosine, sine = np.zeros((2, MOST, len(time)))
    fold(time, frequency, cosine, sine)
    matrix, right = np.zeros((9, 9)), np.zeros(9)
    squares = normal(weight, value, cosine, sine, 0, len(time), orders, matrix, right)
    return cosine, sine, matrix, right, squares


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("orders", [1, 2, 3, 4])
def test_all_orders_up_to_the_factors_are_the_dense_solvers(orders, order):
    if order > orders:
        return
    random = np.random.default_rng(order)
    time, value, weight = random.uniform(-900, 900, 60), random.normal(0, 1, 60), random.uniform(0.1, 2, 60)
    cosine, sine, matrix, right, squares = prepared(time, value, weight, 3.7, orders)
    assert factor(matrix, right, orders) == orders
    found, model = np.zeros(9), np.zeros(60)
    coefficients(matrix, right, order, found)
    terms = 2 * order + 1
    root = np.sqrt(weight)
    expected = np.linalg.lstsq(root[:, None] * design(time, 3.7, order), root * value, rcond=None)[0]
    np.testing.assert_allclose(found[:terms], expected, rtol=1e-9, atol=1e-12)
    predict(cosine, sine, 0, 60, order, found, model)
    np.testing.assert_allclose(model, design(time, 3.7, order) @ expected, rtol=1e-9, atol=1e-12)
    left = (weight * (value - model) ** 2).sum()
    np.testing.assert_allclose(squares - (right[:terms] ** 2).sum(), left, rtol=1e-9)


def test_terms_that_are_one_at_the_points_end_the_series():
    time = np.arange(40) / 3  # at frequency 1 there are three phases: no second harmonic
    _, _, matrix, right, _ = prepared(time, np.sin(time), np.ones(40), 1.0, 4)
    assert factor(matrix, right, 4) == 1


def test_the_order_grows_with_the_points():
    orders = [most_orders(points) for points in range(5, 200)]
    assert orders[0] == 1
    assert orders[-1] == MOST
    assert orders == sorted(orders)
