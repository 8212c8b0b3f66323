/* One line on standard error that counts up while the image is computed. */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void show_progress(const options *opt, long done, long all)
{
    if (opt->progress == NO || (opt->progress == UNSET && (opt->quiet || !isatty(STDERR_FILENO)))) return;
    if (done * 100 / all == (done - 1) * 100 / all) return;
    fprintf(stderr, done == all ? "\r%3ld %%\n" : "\r%3ld %%", done * 100 / all);
}
