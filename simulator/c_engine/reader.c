/* Strict numbers; files as lines and words. */
#include "reader.h"

#include "message.h"

#include <errno.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Only what a decimal number is made of: strtod itself would also take "nan", "inf" and hexadecimal. */
static bool looks_decimal(const char *word)
{
    return word[0] != '\0' && word[strspn(word, "+-.0123456789eE")] == '\0';
}

bool read_number(const char *word, double *value)
{
    char *end;
    if (!looks_decimal(word)) return false;
    *value = strtod(word, &end);
    return *end == '\0' && end != word && isfinite(*value);
}

bool read_integer(const char *word, long *value)
{
    char *end;
    if (!looks_decimal(word)) return false;
    errno = 0;
    *value = strtol(word, &end, 10);
    return *end == '\0' && end != word && errno == 0;
}

const char *number_fault(const char *word)
{
    char *end;
    double value = strtod(word, &end);
    if (end == word) return "is not a number";
    if (*end != '\0') return "has something after the number";
    if (isnan(value)) return "is not a finite number";
    if (isinf(value)) return "is too large, or infinite";
    return looks_decimal(word) ? "is not a whole number in range" : "is not a decimal number";
}

int read_file(const char *flag, const char *path, file_text *text)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (!file) return io_error("%s %s: cannot open the file: %s", flag, path, strerror(errno));
    if (fstat(fileno(file), &status) != 0 || S_ISDIR(status.st_mode) || S_ISCHR(status.st_mode)) {
        fclose(file); /* a device may never end */
        return io_error("%s %s: this is a %s, not a file", flag, path, S_ISDIR(status.st_mode) ? "directory" : "device");
    }

    size_t room = 65536;
    if (status.st_size > 0) room = (size_t)status.st_size + 2; /* one byte more, to see the end at once */
    char *bytes = memory_allows((double)room) ? malloc(room) : NULL;
    size_t size = 0;
    while (bytes) {
        size += fread(bytes + size, 1, room - 1 - size, file);
        if (size < room - 1) break;
        char *larger = room < SIZE_MAX / 4 && memory_allows((double)room) ? realloc(bytes, room * 2) : NULL;
        if (!larger) free(bytes);
        bytes = larger;
        room *= 2;
    }
    int failed = ferror(file);
    fclose(file);
    if (!bytes) return io_error("%s %s: the file does not fit in memory", flag, path);
    if (failed) {
        free(bytes);
        return io_error("%s %s: cannot read the file: %s", flag, path, strerror(errno));
    }
    bytes[size] = '\0';
    text->bytes = bytes;
    text->size = size;
    return STATUS_OK;
}

line_reader read_lines(const file_text *text)
{
    line_reader lines = {text->bytes, text->bytes + text->size, NULL, NULL, 0, false};
    if (text->size >= 3 && memcmp(text->bytes, "\xef\xbb\xbf", 3) == 0) lines.next += 3;
    return lines;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

bool next_line(line_reader *lines)
{
    while (lines->next < lines->end) {
        const char *newline = memchr(lines->next, '\n', (size_t)(lines->end - lines->next));
        lines->word = lines->next;
        lines->line_end = newline ? newline : lines->end;
        lines->next = newline ? newline + 1 : lines->end;
        ++lines->line;
        while (lines->word < lines->line_end && blank(*lines->word)) ++lines->word;
        if (lines->word < lines->line_end && (*lines->word != '#' || lines->show_comments)) return true;
    }
    return false;
}

bool next_word(line_reader *lines, char *word, size_t size)
{
    size_t used = 0;
    bool cut = false;
    while (lines->word < lines->line_end && blank(*lines->word)) ++lines->word;
    if (lines->word == lines->line_end) return false;
    for (; lines->word < lines->line_end && !blank(*lines->word); ++lines->word) {
        /* what is not printable is no part of a number, and must not spoil the message about it */
        char c = *lines->word;
        if (used + 1 < size) word[used++] = c > ' ' && c <= '~' ? c : '?';
        else cut = true;
    }
    word[used] = '\0';
    if (cut) memcpy(word + used - 3, "...", 3);
    return true;
}
