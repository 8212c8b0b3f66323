/* Files that are complete or absent: each is written under a temporary name beside its own, and renamed when all are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "output.h"

/* Length of the directory part, with its slash. */
static size_t directory_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Something that is there and takes bytes as they come: a device or a pipe. */
static bool is_stream(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

int check_output_file(const char *flag, const char *path)
{
    struct stat status;
    size_t size = directory_size(path);
    char *directory = malloc(size + 2);
    if (!directory) return io_error("out of memory");
    if (size == 0) strcpy(directory, ".");
    else snprintf(directory, size + 2, "%.*s", (int)size, path);
    int result = STATUS_OK;
    if (stat(path, &status) != 0 && errno == ENAMETOOLONG) {
        result = io_error("%s: cannot write a file of that name: %s; give a shorter one", flag, strerror(errno));
    } else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        result = io_error("%s %s: this is a directory; give a file name", flag, path);
    } else if (is_stream(path)) {
        if (access(path, W_OK) != 0) result = io_error("%s %s: cannot write: %s", flag, path, strerror(errno));
    } else if (stat(directory, &status) != 0) {
        result = io_error("%s %s: cannot write there: %s; make the directory first", flag, path, strerror(errno));
    } else if (access(directory, W_OK | X_OK) != 0) {
        result = io_error("%s %s: cannot write there: %s; choose another directory", flag, path, strerror(errno));
    }
    free(directory);
    return result;
}

/* The file's own name, followed through links, and a new one beside it. */
static int name_temporary(output_file *file, int number)
{
    file->target = realpath(file->path, NULL);
    if (!file->target) file->target = strdup(file->path);
    if (!file->target) return io_error("out of memory");
    size_t directory = directory_size(file->target), room = strlen(file->target) + 48;
    file->temporary = malloc(room);
    if (!file->temporary) return io_error("out of memory");
    /* without the file's own name, which may be as long as a name can be */
    snprintf(file->temporary, room, "%.*s.nanobragg-c.%ld.%d.tmp", (int)directory, file->target, (long)getpid(), number);
    return STATUS_OK;
}

static int write_all(int descriptor, const output_file *file)
{
    for (int part = 0; part < 2; ++part) {
        const char *bytes = file->parts[part];
        size_t left = file->sizes[part];
        while (left > 0) {
            ssize_t written = write(descriptor, bytes, left);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return -1;
            bytes += written;
            left -= (size_t)written;
        }
    }
    return 0;
}

static int write_temporary(output_file *file, int number)
{
    const char *name = file->path;
    int mode = O_WRONLY;
    if (!is_stream(file->path)) {
        int status = name_temporary(file, number);
        if (status) return status;
        name = file->temporary;
        mode = O_WRONLY | O_CREAT | O_EXCL;
    }
    int descriptor = open(name, mode, 0666);
    if (descriptor < 0) {
        int status = io_error("%s %s: cannot write: %s", file->flag, file->path, strerror(errno));
        free(file->temporary); /* not ours to remove */
        file->temporary = NULL;
        return status;
    }
    int failed = write_all(descriptor, file), cause = errno;
    if (close(descriptor) != 0 && !failed) {
        failed = -1;
        cause = errno;
    }
    if (failed) return io_error("%s %s: cannot write: %s", file->flag, file->path, strerror(cause));
    return STATUS_OK;
}

int write_files(output_file *files, int count)
{
    int status = STATUS_OK;
    for (int i = 0; i < count; ++i) files[i].target = files[i].temporary = NULL;
    for (int i = 0; i < count && !status; ++i) status = write_temporary(&files[i], i);
    for (int i = 0; i < count; ++i) {
        output_file *file = &files[i];
        if (file->temporary && !status && rename(file->temporary, file->target) != 0) {
            status = io_error("%s %s: cannot rename %s to it: %s", file->flag, file->path, file->temporary, strerror(errno));
        }
        if (file->temporary && status) unlink(file->temporary);
        free(file->temporary);
        free(file->target);
    }
    return status;
}
