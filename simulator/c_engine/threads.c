/* How many threads the rows of the image are shared among. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "experiment.h"
#include "message.h"
#include "reader.h"

#define MOST_THREADS 4096

int resolve_threads(const options *opt, experiment *x)
{
    static const char *const variables[] = {"OMP_NUM_THREADS", "RAYON_NUM_THREADS"};
    long threads = 0;
    if (opt->threads.given) {
        if (opt->threads.value < 1) return usage_error("--threads must be at least 1");
        threads = opt->threads.value;
    }
    for (int i = 0; i < 2 && threads == 0; ++i) {
        const char *value = getenv(variables[i]);
        if (!value || !*value) continue;
        char first[16]; /* OpenMP takes a list, one number for each level of nesting */
        snprintf(first, sizeof first, "%.*s", (int)strcspn(value, ","), value);
        if (!read_integer(first, &threads) || threads < 0) {
            return usage_error("the environment variable %s is \"%s\", not a number of threads", variables[i], value);
        }
    }
    if (threads > MOST_THREADS) return usage_error("%ld threads are out of reach: give --threads at most %d", threads, MOST_THREADS);
#ifdef _OPENMP
    x->threads = threads > 0 ? (int)threads : omp_get_num_procs();
#else
    x->threads = 1;
    if (threads > 1) warning("this program was compiled without OpenMP: one thread instead of %ld", threads);
#endif
    return STATUS_OK;
}
