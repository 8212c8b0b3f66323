/* Errors, warnings and the memory limit. */
#include "message.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static void say(const char *prefix, const char *format, va_list values)
{
    fflush(stdout); /* the log up to here belongs before the message */
    fputs(prefix, stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

int usage_error(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say("nanobragg-c: error: ", format, values);
    va_end(values);
    return STATUS_USAGE;
}

int io_error(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say("nanobragg-c: error: ", format, values);
    va_end(values);
    return STATUS_IO;
}

void warning(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say("warning: ", format, values);
    va_end(values);
}

/* Linux tells what can be had without swapping; elsewhere the installed memory has to do. */
static double available_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    if (file) {
        char line[256];
        double kibibytes = -1.0;
        while (kibibytes < 0.0 && fgets(line, sizeof line, file)) {
            if (sscanf(line, "MemAvailable: %lf", &kibibytes) != 1) kibibytes = -1.0;
        }
        fclose(file);
        if (kibibytes >= 0.0) return kibibytes * 1024.0;
    }
#ifdef _SC_PHYS_PAGES
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) return (double)pages * (double)page;
#endif
    return (double)SIZE_MAX;
}

bool memory_allows(double bytes)
{
    return bytes < (double)(SIZE_MAX / 2) && (bytes < 1e6 || bytes <= available_memory());
}

int too_large(double bytes, const char *what, const char *advice)
{
    return usage_error("%s would need %.3g GB of memory, and %.3g GB are available: %s", what, bytes / 1e9,
                       available_memory() / 1e9, advice);
}
