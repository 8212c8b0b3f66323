/* Progress on the terminal, and the clock. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "options.h"

/* Seconds since some fixed moment. */
double wall_clock(void);

/* Called after each row, from any thread. */
void show_progress(const options *opt, long done, long all);

#endif
