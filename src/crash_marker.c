/*-------------------------------------------------------------------------
 *
 * crash_marker.c
 *	  Which row a process was computing when it crashed.
 *
 * A function that kills its process takes the server through crash recovery,
 * and a transaction that would have told of it is lost.  So each process of a
 * run maps a small file of its own, the mark, into which it writes the id of the
 * row that it computes: a store to memory for each row.  Files belong to the kernel and
 * stay when the process dies; one that ends in any other way removes its own.
 *
 * SIGQUIT, by which the postmaster ends the neighbours of a crashed process
 * (and all of them at an immediate shutdown), clears the id first: an id
 * that is left is that of the process that crashed.  If it was a parallel worker
 * of the row's query that crashed, the id stays.
 *
 * The files are in the data directory, in pg_checkpoint, and are named after
 * database, checkpoint and worker.  Their names begin as those of temporary
 * files do, which base backups and pg_rewind leave out.  A copy of the data
 * directory that has them all the same has other files: a mark carries the
 * cluster and the inode that it was made for, and does not count elsewhere.
 * (The start of the postmaster is no part of it: after a crash under
 * restart_after_crash = off, the row is found by the next postmaster.)
 *
 * Without marks a run works all the same.
 *
 * IDENTIFICATION
 *	  src/crash_marker.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "common/file_perm.h"
#include "crash_marker.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/proc.h"

#define CRASH_MARKER_DIR	"pg_checkpoint"

/* As PG_TEMP_FILE_PREFIX, which has moved between the server's headers. */
#define INHAND_PREFIX	"pgsql_tmp_"

/* What is in a file. */
typedef struct Mark
{
	uint64		cluster;		/* system identifier */
	uint64		inode;			/* of the file */
	int64		id;				/* of the row that is being computed, or 0 */
	int64		last;			/* of the last such row, if above id */
} Mark;

static int64 nowhere = 0;

volatile int64 *ckpt_crash_marker = &nowhere;

/* This process's mark, or NULL. */
static Mark *crash_marker_mark = NULL;
static char crash_marker_path[MAXPGPATH] = "";
static pid_t crash_marker_pid = 0;
static struct sigaction crash_marker_old_sigquit;
static struct sigaction crash_marker_old_sigbus;

/*
 * crash_marker_parallel_worker_died returns whether a parallel worker of this process
 * is gone without having left.  May be called in a signal handler.
 *
 * The postmaster has seen the process that crashed before it ends any other, so
 * that its number is free.  In an unlucky moment that is true of a worker that
 * was ended a little earlier than this process: then a row is under suspicion
 * that need not be.
 */
static bool
crash_marker_parallel_worker_died(void)
{
	dlist_iter	iter;

	if (MyProc == NULL || MyProc->lockGroupLeader != MyProc)
		return false;
	dlist_foreach(iter, &MyProc->lockGroupMembers)
	{
		PGPROC	   *member = dlist_container(PGPROC, lockGroupLink, iter.cur);
		pid_t		pid = member->pid;

		if (pid != 0 && pid != crash_marker_pid && kill(pid, 0) < 0 && errno == ESRCH)
			return true;
	}
	return false;
}

/*
 * crash_marker_sigquit clears the mark and goes on as the process would.
 */
static void
crash_marker_sigquit(int signo)
{
	int			save_errno = errno;

	/* a child that the function has forked shares the mark, which is not its own */
	if (getpid() == crash_marker_pid && !crash_marker_parallel_worker_died())
		*ckpt_crash_marker = 0;
	errno = save_errno;
	crash_marker_old_sigquit.sa_handler(signo);
}

/*
 * crash_marker_sigbus puts memory in the place of a file that cannot be written to:
 * where each write takes a new block, a full disk is noticed at the store.
 * The run goes on without a mark.
 */
static void
crash_marker_sigbus(int signo, siginfo_t *info, void *context)
{
	int			save_errno = errno;
	char	   *address = (char *) info->si_addr;
	char	   *mark = (char *) crash_marker_mark;

	if (address < mark || address >= mark + sizeof(Mark) ||
		mmap(mark, sizeof(Mark), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		(void) sigaction(SIGBUS, &crash_marker_old_sigbus, NULL); /* it comes again */
	errno = save_errno;
}

/*
 * crash_marker_catch_signals puts our handlers before the server's.
 *
 * pqsignal() will not do: it does not tell in every version what it replaces,
 * and what the kernel calls may be a wrapper that looks up the handler which
 * pqsignal() was given last, that is ours.
 */
static void
crash_marker_catch_signals(void)
{
	struct sigaction quit = {.sa_handler = crash_marker_sigquit, .sa_flags = SA_RESTART};
	struct sigaction bus = {.sa_sigaction = crash_marker_sigbus, .sa_flags = SA_RESTART | SA_SIGINFO};

	sigemptyset(&quit.sa_mask);
	sigemptyset(&bus.sa_mask);
	(void) sigaction(SIGQUIT, &quit, &crash_marker_old_sigquit);
	(void) sigaction(SIGBUS, &bus, &crash_marker_old_sigbus);
}

static void
crash_marker_exit(int code, Datum arg)
{
	ckpt_crash_marker_close();
}

/*
 * crash_marker_map makes and maps a file for a mark.  Returns NULL and sets errno if
 * that is not possible; then there is no file.
 */
static Mark *
crash_marker_map(const char *path)
{
	Mark		mark = {GetSystemIdentifier(), 0, 0, 0};
	struct stat st;
	void	   *map = MAP_FAILED;
	int			save_errno;
	int			fd;

	if (mkdir(CRASH_MARKER_DIR, pg_dir_create_mode) < 0 && errno != EEXIST)
		return NULL;
	fd = BasicOpenFile(path, O_RDWR | O_CREAT | O_TRUNC | PG_BINARY);
	if (fd < 0)
		return NULL;

	/* the block must be there: most file systems then have it for good */
	errno = 0;
	if (fstat(fd, &st) == 0)
	{
		mark.inode = st.st_ino;
		if (write(fd, &mark, sizeof(mark)) == sizeof(mark))
			map = mmap(NULL, sizeof(Mark), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	save_errno = errno ? errno : ENOSPC;
	close(fd);
	if (map == MAP_FAILED)
		(void) unlink(path);
	errno = save_errno;
	return map == MAP_FAILED ? NULL : map;
}

/*
 * ckpt_crash_marker_open makes and maps this process's file.
 */
void
ckpt_crash_marker_open(int64 checkpoint_id, int worker)
{
	static bool registered = false;

	ckpt_crash_marker_close();
	snprintf(crash_marker_path, MAXPGPATH, CRASH_MARKER_DIR "/" INHAND_PREFIX "%u_" INT64_FORMAT "_%d",
			 MyDatabaseId, checkpoint_id, worker);
	crash_marker_mark = crash_marker_map(crash_marker_path);
	if (crash_marker_mark == NULL)
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", crash_marker_path),
				 errdetail("A crash of this process will not tell which row was being computed.")));
		crash_marker_path[0] = '\0';
		return;
	}
	if (!registered)
		before_shmem_exit(crash_marker_exit, (Datum) 0);
	registered = true;
	crash_marker_pid = getpid();
	crash_marker_catch_signals();
	ckpt_crash_marker = &crash_marker_mark->id;
}

/*
 * ckpt_crash_marker_extend says that the call is for all rows from the one that was
 * noted to this one, but for those that are done.
 */
void
ckpt_crash_marker_extend(int64 last)
{
	if (crash_marker_mark)
		crash_marker_mark->last = last;
}

/*
 * ckpt_crash_marker_close removes this process's file, if it has one.
 */
void
ckpt_crash_marker_close(void)
{
	if (crash_marker_mark == NULL || getpid() != crash_marker_pid)
		return;
	ckpt_crash_marker = &nowhere;
	(void) sigaction(SIGQUIT, &crash_marker_old_sigquit, NULL);
	(void) sigaction(SIGBUS, &crash_marker_old_sigbus, NULL);
	(void) munmap(crash_marker_mark, sizeof(Mark));
	crash_marker_mark = NULL;
	(void) unlink(crash_marker_path);
	crash_marker_path[0] = '\0';
}

/*
 * crash_marker_files calls visit for each file of a checkpoint.
 */
static void
crash_marker_files(int64 checkpoint_id, void (*visit) (const char *path, List **ids), List **ids)
{
	char	   *prefix = psprintf(INHAND_PREFIX "%u_" INT64_FORMAT "_", MyDatabaseId, checkpoint_id);
	DIR		   *dir = AllocateDir(CRASH_MARKER_DIR);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = ReadDirExtended(dir, CRASH_MARKER_DIR, LOG)) != NULL)
	{
		char		path[MAXPGPATH];

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, MAXPGPATH, CRASH_MARKER_DIR "/%s", entry->d_name);
		visit(path, ids);
	}
	FreeDir(dir);
}

/*
 * read_file adds the rows of a mark, if the mark was made here.
 */
static void
read_file(const char *path, List **ids)
{
	int			fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	struct stat st;
	Mark		mark;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && read(fd, &mark, sizeof(mark)) == sizeof(mark) &&
		mark.cluster == GetSystemIdentifier() && mark.inode == st.st_ino && mark.id > 0)
	{
		for (int64 i = mark.id; i <= Max(mark.id, mark.last); i++)
		{
			int64	   *id = palloc(sizeof(int64));

			*id = i;
			*ids = lappend(*ids, id);
		}
	}
	CloseTransientFile(fd);
}

static void
remove_file(const char *path, List **ids)
{
	if (strcmp(path, crash_marker_path) != 0)
		(void) unlink(path);
}

/*
 * ckpt_crash_marker_collect lists (int64 *) the rows of a checkpoint that were
 * being computed when a process crashed.  Nobody works on the checkpoint.
 */
List *
ckpt_crash_marker_collect(int64 checkpoint_id)
{
	List	   *ids = NIL;

	crash_marker_files(checkpoint_id, read_file, &ids);
	return ids;
}

/*
 * ckpt_crash_marker_forget removes what ckpt_crash_marker_collect() read: it is on record,
 * safe on disk, or of no more use.  This process's own mark stays.
 */
void
ckpt_crash_marker_forget(int64 checkpoint_id)
{
	crash_marker_files(checkpoint_id, remove_file, NULL);
}
