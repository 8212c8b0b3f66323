/* The random numbers that give nanoBragg's domains and noise for nanoBragg's seeds (simulator.md, Random numbers). */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "vec.h"

enum { SHUFFLED = 32 };

typedef struct {
    int64_t state, last;
    int64_t table[SHUFFLED];
    bool has_spare; /* the second of a pair of Gaussian deviates */
    float spare;
} random_stream;

/* Starts the stream with |seed| for a seed of 0 or below, as nanoBragg does; a positive one counts as 1. */
void start_stream(random_stream *stream, long seed);

/* Uniform on (0, 1). */
float uniform(random_stream *stream);

/* Number of photons seen where `mean` are expected. */
float poisson(random_stream *stream, float mean);

/* A rotation about a random axis, by `spread` radians at most. */
mat3 random_rotation(random_stream *stream, double spread);

#endif
