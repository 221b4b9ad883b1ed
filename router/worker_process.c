/* worker_process.c - see worker_process.h. */
#include "router/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define KEEP_STDERR 1 /* for the sanitizer's report */
#else
#define KEEP_STDERR 0
#endif

int worker_path(char *dst, size_t size, struct err *e)
{
    static const char name[] = "usher-worker";
    ssize_t n = readlink("/proc/self/exe", dst, size);
    char *slash;

    if (n <= 0 || (size_t)n >= size)
        return err_set(e, ERR_WORKER, "/proc/self/exe: %s", n < 0 ? strerror(errno) : "path too long");
    dst[n] = '\0';
    slash = strrchr(dst, '/');
    if (!slash || (size_t)(slash + 1 - dst) + sizeof name > size)
        return err_set(e, ERR_WORKER, "no room for the path of %s", name);
    memcpy(slash + 1, name, sizeof name);
    if (access(dst, X_OK) != 0)
        return err_set(e, ERR_WORKER, "%s: %s; it belongs beside usher", dst, strerror(errno));
    return 0;
}

/* 0, or what posix_spawn and its helpers return. */
static int describe(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int theirs)
{
    sigset_t all, none;
    int rc;

    sigfillset(&all);
    sigemptyset(&none);
    /* dup2 clears close-on-exec, also where the descriptor has the right number already */
    rc = posix_spawn_file_actions_adddup2(files, theirs, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, STDIN_FILENO, STDOUT_FILENO);
    if (rc == 0 && !KEEP_STDERR)
        rc = posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    /* The pool's blocked and the daemon's ignored signals are not inherited. A process group of its own: an interrupt
     * from the terminal is for usher, which still has logins to finish then. */
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attr, 0);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    return rc;
}

/* posix_spawn: the daemon has threads, so nothing may run between fork and exec that takes a lock. */
static int spawn(const struct worker_options *o, int theirs, pid_t *ret)
{
    char memory[24], name[] = "usher-worker";
    char *argv[] = {name, memory, NULL}, *envp[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        (void)snprintf(memory, sizeof memory, "%zu", o->memory_max);
        rc = describe(&files, &attr, theirs);
        if (rc == 0)
            rc = posix_spawn(ret, o->path, &files, &attr, argv, envp);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

int worker_process_start(const struct worker_options *o, struct worker_process *ret, struct err *e)
{
    int fd[2], rc;
    cpu_set_t cpus;
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
        return err_set(e, ERR_WORKER, "socket pair: %s", strerror(errno));
    rc = spawn(o, fd[1], &pid);
    (void)close(fd[1]);
    if (rc == 0 && fcntl(fd[0], F_SETFL, O_NONBLOCK) != 0) {
        rc = errno;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (rc != 0) {
        (void)close(fd[0]);
        return err_set(e, ERR_WORKER, "%s: %s", o->path, strerror(rc));
    }
    if (o->cpu >= 0) { /* only speed depends on it */
        CPU_ZERO(&cpus);
        CPU_SET((size_t)o->cpu, &cpus);
        (void)sched_setaffinity(pid, sizeof cpus, &cpus);
    }
    *ret = (struct worker_process){.pid = pid, .fd = fd[0]};
    return 0;
}

void worker_process_kill(const struct worker_process *p)
{
    if (p->pid > 0)
        (void)kill(p->pid, SIGKILL);
}

/* If somebody set SIGCHLD to be ignored, there is no status and nothing to wait for; that is fine too. */
void worker_process_reap(struct worker_process *p, char *dst, size_t size)
{
    int status = 0;
    pid_t got;

    (void)snprintf(dst, size, "it ended");
    if (p->pid > 0) {
        /* an end that was read is an exit that has begun, unless it closed its end to live on */
        got = waitpid(p->pid, &status, WNOHANG);
        if (got == 0) {
            (void)kill(p->pid, SIGKILL);
            do
                got = waitpid(p->pid, &status, 0);
            while (got < 0 && errno == EINTR);
        }
        if (got == p->pid && WIFSIGNALED(status))
            (void)snprintf(dst, size, "it was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        else if (got == p->pid && WIFEXITED(status))
            (void)snprintf(dst, size, "it ended with status %d", WEXITSTATUS(status));
    }
    if (p->fd >= 0)
        (void)close(p->fd);
    *p = (struct worker_process){.pid = 0, .fd = -1};
}
