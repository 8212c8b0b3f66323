"""Heat in a plate: the port of heat.c to Python and NumPy, with the same options.

    python3 heat.py [-nx N] [-ny N] [-steps N] [-kappa K] [-dx D] [-dy D] [-heater Q] [-cooling C] -out FILE.npy

-trace X,Y prints what happens in one cell; -profile FILE records which function ran when, as a Chrome trace.
"""

import argparse
import os

import numpy as np


def read_options():
    parser = argparse.ArgumentParser(description="Heat in a plate.")
    for name, kind, default in [
        ("nx", int, 60), ("ny", int, 40), ("steps", int, 100),
        ("kappa", float, 1.0), ("dx", float, 1.0), ("dy", float, 1.0),
        ("heater", float, 0.0), ("cooling", float, 0.0),
    ]:
        parser.add_argument(f"-{name}", type=kind, default=default)
    parser.add_argument("-out", required=True)
    parser.add_argument("-trace", type=lambda text: tuple(int(n) for n in text.split(",")))
    parser.add_argument("-profile")
    p = parser.parse_args()
    if p.nx < 3 or p.ny < 3:
        parser.error("-nx, -ny: need at least 3 cells")
    # four tenths of the largest stable step
    p.dt = 0.2 / (p.kappa * (1 / p.dx**2 + 1 / p.dy**2))
    return p


def start(p):
    u = np.zeros((p.ny, p.nx))
    u[p.ny // 4:p.ny // 2, p.nx // 5:p.nx // 2] = 100
    return u


def heaters(p):
    q = np.zeros((p.ny, p.nx))
    q[2 * p.ny // 3, 3 * p.nx // 4] = p.heater
    return q


def rates(p, u, q):
    """du/dt of every inner cell, row by row."""
    rate = np.zeros_like(u)
    for y in range(1, p.ny - 1):
        curve_x = (u[y, :-2] - 2 * u[y, 1:-1] + u[y, 2:]) / p.dx**2
        curve_y = (u[y - 1, 1:-1] - 2 * u[y, 1:-1] + u[y + 1, 1:-1]) / p.dy**2
        rate[y, 1:-1] = p.kappa * (curve_x + curve_y) + q[y, 1:-1] - p.cooling * u[y, 1:-1]
        if p.trace and y == p.trace[1] and 0 < p.trace[0] < p.nx - 1:
            x = p.trace[0]
            print(f"trace curve_x {float(curve_x[x - 1])!r}\ntrace curve_y {float(curve_y[x - 1])!r}\ntrace heater {float(q[y, x])!r}")
            print(f"trace rate {float(rate[y, x])!r}")
    return rate


def solve(p):
    u, q = start(p), heaters(p)
    for _ in range(p.steps):
        u = u + p.dt * rates(p, u, q)
        if p.trace and 0 < p.trace[0] < p.nx - 1 and 0 < p.trace[1] < p.ny - 1:
            print(f"trace temperature {float(u[p.trace[1], p.trace[0]])!r}")
    return u


def main():
    p = read_options()
    if p.trace:
        print(f"trace dt {p.dt!r}")
    if p.profile:
        from chrome_trace import recorded
        u = recorded(p.profile, os.path.dirname(os.path.abspath(__file__)), lambda: solve(p))
    else:
        u = solve(p)
    with open(p.out, "wb") as file:  # np.save would add .npy to a name without it
        np.save(file, u)
    print(f"{p.nx} x {p.ny} cells, {p.steps} steps of {p.dt:g}")


if __name__ == "__main__":
    main()
