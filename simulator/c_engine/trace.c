/* Writing of traces: one value a line as text, the same names as JSON. */
#include "trace.h"

void trace_begin(trace *t, FILE *file, bool json)
{
    t->file = file;
    t->json = json;
    t->depth = 0;
    t->comma = false;
    if (json) fputc('{', file);
}

void trace_end(trace *t)
{
    if (t->json) fputs("}\n", t->file);
}

/* Separator and name in JSON, indentation and name in text. */
static void begin_value(trace *t, const char *name)
{
    if (t->json) fprintf(t->file, t->comma ? ",\"%s\":" : "\"%s\":", name);
    else fprintf(t->file, "%*s%s = ", 2 * t->depth, "", name);
    t->comma = true;
}

void trace_open(trace *t, const char *name)
{
    if (t->json) fprintf(t->file, t->comma ? ",\"%s\":{" : "\"%s\":{", name);
    else fprintf(t->file, "%*s%s\n", 2 * t->depth, "", name);
    ++t->depth;
    t->comma = false;
}

void trace_item(trace *t, const char *title, long number)
{
    if (t->json) fprintf(t->file, t->comma ? ",{\"%s\":%ld" : "{\"%s\":%ld", title, number);
    else fprintf(t->file, "%*s%s %ld\n", 2 * t->depth, "", title, number);
    ++t->depth;
    t->comma = true;
}

void trace_close(trace *t)
{
    if (t->json) fputc('}', t->file);
    --t->depth;
    t->comma = true;
}

void trace_list(trace *t, const char *name)
{
    if (t->json) fprintf(t->file, t->comma ? ",\"%s\":[" : "\"%s\":[", name);
    t->comma = false;
}

void trace_list_close(trace *t)
{
    if (t->json) fputc(']', t->file);
    t->comma = true;
}

/* JSON has no NaN and no infinity. */
static void put_number(trace *t, double value)
{
    if (t->json && !isfinite(value)) fputs("null", t->file);
    else fprintf(t->file, "%.17g", value);
}

void trace_number(trace *t, const char *name, double value)
{
    begin_value(t, name);
    put_number(t, value);
    if (!t->json) fputc('\n', t->file);
}

void trace_integer(trace *t, const char *name, long value)
{
    begin_value(t, name);
    fprintf(t->file, t->json ? "%ld" : "%ld\n", value);
}

void trace_flag(trace *t, const char *name, bool value)
{
    begin_value(t, name);
    fputs(value ? "true" : "false", t->file);
    if (!t->json) fputc('\n', t->file);
}

void trace_vector(trace *t, const char *name, vec3 value)
{
    begin_value(t, name);
    if (t->json) fputc('[', t->file);
    put_number(t, value.x);
    fputs(t->json ? "," : " ", t->file);
    put_number(t, value.y);
    fputs(t->json ? "," : " ", t->file);
    put_number(t, value.z);
    fputs(t->json ? "]" : "\n", t->file);
}

void trace_text(trace *t, const char *name, const char *value)
{
    begin_value(t, name);
    fprintf(t->file, t->json ? "\"%s\"" : "%s\n", value);
}
