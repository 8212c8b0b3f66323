/* What the engine says to people: the log on standard output; errors and warnings, one line each, on standard
 * error. An error function returns the exit status, so that `return usage_error(...)` both tells and leaves. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>

enum {
    STATUS_OK = 0,
    STATUS_IO = 1,    /* a file cannot be read or written */
    STATUS_USAGE = 2, /* the command line or an input file cannot mean anything */
    STATUS_ENDED = -1 /* everything asked for is done (--help, --version): leave with 0 */
};

#if defined(__GNUC__)
#define PRINTF_LIKE(n) __attribute__((format(printf, n, (n) + 1)))
#else
#define PRINTF_LIKE(n)
#endif

/* Prints "nanobragg-c: error: ..." and returns STATUS_USAGE. */
int usage_error(const char *format, ...) PRINTF_LIKE(1);

/* Prints "nanobragg-c: error: ..." and returns STATUS_IO. */
int io_error(const char *format, ...) PRINTF_LIKE(1);

/* Prints "warning: ..." on standard error. */
void warning(const char *format, ...) PRINTF_LIKE(1);

/* Refuses an allocation of `bytes` for `what`: says its size and how to get by with less. */
int too_large(double bytes, const char *what, const char *advice);

/* Whether `bytes` more can be had without driving the machine out of memory. */
bool memory_allows(double bytes);

#endif
