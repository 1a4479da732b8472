/* faults.c - every call goes on to the real VFS, unless it is its turn to fail. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/faults.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fault_names[N_FAULTS] = {"read", "write", "torn write", "full disk",
                                           "sync", "open",  "truncate",   "memory"};

static struct {
    bool is_armed, is_lasting, has_failed;
    enum fault kind;
    size_t left; /* calls until one fails */
} plan;

static sqlite3_vfs *real;

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

static bool fails(enum fault kind)
{
    if (!plan.is_armed || plan.kind != kind)
        return false;
    if (plan.left > 1) {
        plan.left--;
        return false;
    }
    if (plan.has_failed && !plan.is_lasting)
        return false;
    plan.has_failed = true;
    return true;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct fault_file *)f)->real;
}

/* -- files ------------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return fails(FAULT_READ) ? SQLITE_IOERR_READ
                             : real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    if (fails(FAULT_WRITE))
        return SQLITE_IOERR_WRITE;
    if (fails(FAULT_FULL))
        return SQLITE_FULL;
    if (fails(FAULT_TORN_WRITE)) {
        (void)real_of(f)->pMethods->xWrite(real_of(f), from, n / 2, at);
        return SQLITE_IOERR_WRITE;
    }
    return real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails(FAULT_TRUNCATE) ? SQLITE_IOERR_TRUNCATE
                                 : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
    return fails(FAULT_SYNC) ? SQLITE_IOERR_FSYNC
                             : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), out);
}

static int file_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_check_lock(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int file_sector_size(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int file_shm_unmap(sqlite3_file *f, int is_deleted)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), is_deleted);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* -- the VFS ----------------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct fault_file *file = (struct fault_file *)f;
    int rc;

    (void)vfs;
    f->pMethods = NULL;
    file->real = (sqlite3_file *)(file + 1);
    if (fails(FAULT_OPEN))
        return SQLITE_CANTOPEN;
    rc = real->xOpen(real, name, file->real, flags, out);
    if (rc == SQLITE_OK)
        f->pMethods = &methods;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    return real->xDelete(real, name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs;
    return real->xAccess(real, name, flags, out);
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    (void)vfs;
    return real->xFullPathname(real, name, n, out);
}

/* -- memory ------------------------------------------------------------------------------------ */

static sqlite3_mem_methods memory;

static void *memory_malloc(int n)
{
    return fails(FAULT_MEMORY) ? NULL : memory.xMalloc(n);
}

static void *memory_realloc(void *p, int n)
{
    return fails(FAULT_MEMORY) ? NULL : memory.xRealloc(p, n);
}

void faults_init(void)
{
    static sqlite3_vfs vfs;
    sqlite3_mem_methods failing;

    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) != SQLITE_OK)
        abort();
    failing = memory;
    failing.xMalloc = memory_malloc;
    failing.xRealloc = memory_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK || !(real = sqlite3_vfs_find(NULL)))
        abort();
    vfs = *real;
    vfs.zName = "faults";
    vfs.szOsFile = (int)sizeof(struct fault_file) + real->szOsFile;
    vfs.pNext = NULL;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xFullPathname = vfs_full_name;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
}

void faults_arm(enum fault kind, size_t n, bool is_lasting)
{
    plan.kind = kind;
    plan.left = n;
    plan.is_lasting = is_lasting;
    plan.has_failed = false;
    plan.is_armed = true;
}

bool faults_disarm(void)
{
    plan.is_armed = false;
    return plan.has_failed;
}
