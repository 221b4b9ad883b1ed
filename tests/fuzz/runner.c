/* runner.c - replays corpus files through a harness built without libFuzzer: `runner DIR-or-FILE...`. Exit 1 if nothing
 * ran. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t ran;

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data;
    size_t n;

    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        exit(1);
    }
    /* exactly as large as the file, so that AddressSanitizer sees a read past its end */
    data = malloc(st.st_size ? (size_t)st.st_size : 1);
    n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
    if (n != (size_t)st.st_size) {
        perror(path);
        exit(1);
    }
    (void)LLVMFuzzerTestOneInput(data, n);
    ran++;
    free(data);
    (void)fclose(f);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        struct dirent *entry;
        char path[4096];

        if (!d) {
            run_file(argv[i]);
            continue;
        }
        while ((entry = readdir(d)) != NULL) {
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            run_file(path);
        }
        (void)closedir(d);
    }
    printf("%zu inputs replayed\n", ran);
    return ran ? 0 : 1;
}
