/* The lattice transform: amplitude of a crystal of Na x Nb x Nc point scatterers near a reflection. */
#ifndef LATTICE_H
#define LATTICE_H

#include "experiment.h"

/* Amplitude of N scatterers in a row: sin(pi N h) / sin(pi h). */
static inline double grating(double h, double N)
{
    double below = sin(PI * h);
    return below != 0.0 ? sin(PI * N * h) / below : N;
}

static inline double lattice_square(const crystal *xtal, vec3 h)
{
    double F = 1.0;
    if (xtal->Na > 1) F *= grating(h.x, (double)xtal->Na);
    if (xtal->Nb > 1) F *= grating(h.y, (double)xtal->Nb);
    if (xtal->Nc > 1) F *= grating(h.z, (double)xtal->Nc);
    return F;
}

/* The other shapes depend on the distance from the reflection h0 alone. */
static inline double lattice_round(const crystal *xtal, vec3 h, vec3 h0)
{
    double N = (double)xtal->Na * (double)xtal->Nb * (double)xtal->Nc;
    vec3 d = vec((h.x - h0.x) * (double)xtal->Na, (h.y - h0.y) * (double)xtal->Nb, (h.z - h0.z) * (double)xtal->Nc);
    double u = PI * sqrt(xtal->fudge * dot(d, d));
    double u2 = u * u;
    /* Near 0, where the difference would lose all its digits, by the series. */
    double sphere = u < 0.1 ? 1.0 - u2 / 10.0 * (1.0 - u2 / 28.0 * (1.0 - u2 / 54.0 * (1.0 - u2 / 88.0)))
                            : 3.0 * (sin(u) / u - cos(u)) / u2;
    return N * 0.723601254558268 * sphere;
}

static inline double lattice_spot(const crystal *xtal, vec3 h, vec3 h0)
{
    double N = (double)xtal->Na * (double)xtal->Nb * (double)xtal->Nc;
    vec3 d = sub(h, h0);
    vec3 off = add(add(scaled(xtal->a_star, d.x), scaled(xtal->b_star, d.y)), scaled(xtal->c_star, d.z));
    double rho = dot(off, off) * N * N;
    if (xtal->shape == GAUSS) return N * exp(-rho * xtal->fudge / 0.63);
    return rho * xtal->fudge < 0.3969 ? N : 0.0;
}

static inline double lattice_transform(const crystal *xtal, vec3 h, vec3 h0)
{
    switch (xtal->shape) {
    case SQUARE: return lattice_square(xtal, h);
    case ROUND: return lattice_round(xtal, h, h0);
    default: return lattice_spot(xtal, h, h0);
    }
}

#endif
