/* The structure factor of the unit cell at a point of reciprocal space. */
#ifndef CELL_FACTOR_H
#define CELL_FACTOR_H

#include "experiment.h"

/* Of the nearest reflection h0; default_F outside the box. */
static inline double nearest_factor(const structure_factors *sf, vec3 h0)
{
    if (!sf->loaded || !(h0.x >= (double)sf->min[0] && h0.x <= (double)sf->max[0] && h0.y >= (double)sf->min[1] &&
                         h0.y <= (double)sf->max[1] && h0.z >= (double)sf->min[2] && h0.z <= (double)sf->max[2])) {
        return sf->default_F;
    }
    return sf->F[(size_t)((long)h0.x - sf->min[0]) * sf->stride_h + (size_t)((long)h0.y - sf->min[1]) * sf->stride_k +
                 (size_t)((long)h0.z - sf->min[2])];
}

/* Whether four neighbours lie in the box on every axis. */
static inline bool can_interpolate(const structure_factors *sf, vec3 h)
{
    return h.x >= (double)sf->min[0] + 2.0 && h.x <= (double)sf->max[0] - 2.0 && h.y >= (double)sf->min[1] + 2.0 &&
           h.y <= (double)sf->max[1] - 2.0 && h.z >= (double)sf->min[2] + 2.0 && h.z <= (double)sf->max[2] - 2.0;
}

/* Cubic Lagrange polynomial through y at -1, 0, 1, 2, read at t in [0, 1]. */
static inline double cubic(const double y[4], double t)
{
    double p = t + 1.0, r = t - 1.0, s = t - 2.0;
    return -y[0] * t * r * s / 6.0 + y[1] * p * r * s / 2.0 - y[2] * p * t * s / 2.0 + y[3] * p * t * r / 6.0;
}

/* Tricubic: along l, then k, then h. */
static inline double interpolated_factor(const structure_factors *sf, vec3 h)
{
    double h_floor = floor(h.x), k_floor = floor(h.y), l_floor = floor(h.z), along_h[4], along_k[4];
    const double *corner = sf->F + (size_t)((long)h_floor - 1 - sf->min[0]) * sf->stride_h +
                           (size_t)((long)k_floor - 1 - sf->min[1]) * sf->stride_k +
                           (size_t)((long)l_floor - 1 - sf->min[2]);
    for (size_t i = 0; i < 4; ++i) {
        for (size_t j = 0; j < 4; ++j) {
            along_k[j] = cubic(corner + i * sf->stride_h + j * sf->stride_k, h.z - l_floor);
        }
        along_h[i] = cubic(along_k, h.y - k_floor);
    }
    return cubic(along_h, h.x - h_floor);
}

#endif
