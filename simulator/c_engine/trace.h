/* Intermediate values of a pixel in the order of the data flow, as indented text or as JSON. */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdio.h>

#include "vec.h"

typedef struct {
    FILE *file;
    bool json;
    int depth;
    bool comma; /* a value stands before, in the same JSON object or list */
} trace;

void trace_begin(trace *t, FILE *file, bool json);
void trace_end(trace *t);

/* A named object; one object of a list; a named list. */
void trace_open(trace *t, const char *name);
void trace_item(trace *t, const char *title, long number);
void trace_close(trace *t);
void trace_list(trace *t, const char *name);
void trace_list_close(trace *t);

void trace_number(trace *t, const char *name, double value);
void trace_integer(trace *t, const char *name, long value);
void trace_flag(trace *t, const char *name, bool value);
void trace_vector(trace *t, const char *name, vec3 value);
void trace_text(trace *t, const char *name, const char *value);

#endif
