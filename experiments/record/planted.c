/* Four threads that write under one mutex for 2 ms, and take another one for an instant: `cc -O1 -pthread planted.c`.
 * Prints the address of the first and the times that it was taken after SECONDS. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t journal = PTHREAD_MUTEX_INITIALIZER, decoy = PTHREAD_MUTEX_INITIALIZER;
static atomic_long taken;
static volatile unsigned long sink;

static void work(long turns) {
    for (long turn = 0; turn < turns; turn++) sink = sink * 31 + turn;
}

static void *writer(void *unused) {
    for (;;) {
        pthread_mutex_lock(&decoy);
        work(100);
        pthread_mutex_unlock(&decoy);
        work(100000);
        pthread_mutex_lock(&journal);
        usleep(2000);
        pthread_mutex_unlock(&journal);
        taken++;
    }
    return unused;
}

int main(int count, char **words) {
    pthread_t thread;
    printf("%p\n", (void *)&journal);
    fflush(stdout);
    for (int at = 0; at < 4; at++) pthread_create(&thread, NULL, writer, NULL);
    usleep((useconds_t)(1e6 * atof(count > 1 ? words[1] : "2")));
    printf("%ld\n", (long)taken);
    fflush(stdout);
    _exit(0);
}
