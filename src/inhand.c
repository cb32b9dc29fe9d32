/*-------------------------------------------------------------------------
 *
 * inhand.c
 *	  Which row a process had in hand when it crashed.
 *
 * A function that kills its process takes the server through crash recovery,
 * and a transaction that would have told of it is lost.  So each process of a
 * run maps a small file of its own, into which it writes the id of the row in
 * hand: a store to memory for each row.  Files belong to the kernel and stay
 * when the process dies; one that ends in any other way removes its own.
 *
 * SIGQUIT, by which the postmaster ends the neighbours of a crashed process
 * (and all of them at an immediate shutdown), clears the row first: what is
 * left was in hand of the process that crashed.
 *
 * The files are in the data directory, in pg_checkpoint, and are named after
 * database, checkpoint and worker.  Without them a run works all the same.
 *
 * IDENTIFICATION
 *	  src/inhand.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "inhand.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"

#define INHAND_DIR	"pg_checkpoint"

static int64 nowhere = 0;

volatile int64 *ckpt_inhand = &nowhere;

static char inhand_path[MAXPGPATH] = "";
static struct sigaction inhand_old_sigquit;

/*
 * inhand_sigquit clears the row in hand and goes on as the process would.
 */
static void
inhand_sigquit(int signo)
{
	*ckpt_inhand = 0;
	inhand_old_sigquit.sa_handler(signo);
}

/*
 * inhand_catch_sigquit puts our handler before the server's.
 *
 * pqsignal() will not do: it does not tell in every version what it replaces,
 * and what the kernel calls may be a wrapper that looks up the handler which
 * pqsignal() was given last, that is ours.
 */
static void
inhand_catch_sigquit(void)
{
	struct sigaction action = {.sa_handler = inhand_sigquit, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	(void) sigaction(SIGQUIT, &action, &inhand_old_sigquit);
}

static void
inhand_exit(int code, Datum arg)
{
	ckpt_inhand_close();
}

/*
 * ckpt_inhand_open makes and maps this process's file.
 */
void
ckpt_inhand_open(int64 checkpoint_id, int worker)
{
	static bool registered = false;
	const int64 none = 0;
	int			fd;
	void	   *map;

	ckpt_inhand_close();
	if (mkdir(INHAND_DIR, pg_dir_create_mode) < 0 && errno != EEXIST)
		goto failed;
	snprintf(inhand_path, MAXPGPATH, INHAND_DIR "/%u_" INT64_FORMAT "_%d", MyDatabaseId,
			 checkpoint_id, worker);
	fd = BasicOpenFile(inhand_path, O_RDWR | O_CREAT | O_TRUNC | PG_BINARY);
	if (fd < 0)
		goto failed;
	/* the block must be there: a full disk is no error when memory is stored to */
	errno = 0;
	if (write(fd, &none, sizeof(none)) != sizeof(none))
	{
		errno = errno ? errno : ENOSPC;
		close(fd);
		(void) unlink(inhand_path);
		goto failed;
	}
	map = mmap(NULL, sizeof(int64), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		goto failed;
	ckpt_inhand = map;

	if (!registered)
		before_shmem_exit(inhand_exit, (Datum) 0);
	registered = true;
	inhand_catch_sigquit();
	return;

failed:
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not create file in \"%s\": %m", INHAND_DIR),
			 errdetail("A crash of this process will not tell which row was in hand.")));
	inhand_path[0] = '\0';
}

/*
 * ckpt_inhand_close removes this process's file, if it has one.
 */
void
ckpt_inhand_close(void)
{
	if (ckpt_inhand == &nowhere)
		return;
	(void) sigaction(SIGQUIT, &inhand_old_sigquit, NULL);
	(void) munmap((void *) ckpt_inhand, sizeof(int64));
	ckpt_inhand = &nowhere;
	(void) unlink(inhand_path);
	inhand_path[0] = '\0';
}

/*
 * inhand_files calls visit for each file of a checkpoint.
 */
static void
inhand_files(int64 checkpoint_id, void (*visit) (const char *path, List **ids), List **ids)
{
	char	   *prefix = psprintf("%u_" INT64_FORMAT "_", MyDatabaseId, checkpoint_id);
	DIR		   *dir = AllocateDir(INHAND_DIR);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = ReadDirExtended(dir, INHAND_DIR, LOG)) != NULL)
	{
		char		path[MAXPGPATH];

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, MAXPGPATH, INHAND_DIR "/%s", entry->d_name);
		visit(path, ids);
	}
	FreeDir(dir);
}

static void
read_file(const char *path, List **ids)
{
	int64	   *id = palloc0(sizeof(int64));
	int			fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);

	if (fd < 0)
		return;
	if (read(fd, id, sizeof(int64)) == sizeof(int64) && *id > 0)
		*ids = lappend(*ids, id);
	CloseTransientFile(fd);
}

static void
remove_file(const char *path, List **ids)
{
	(void) unlink(path);
}

/*
 * ckpt_inhand_collect lists (int64 *) the rows of a checkpoint that were in hand
 * when a process crashed.  Nobody works on the checkpoint.
 */
List *
ckpt_inhand_collect(int64 checkpoint_id)
{
	List	   *ids = NIL;

	inhand_files(checkpoint_id, read_file, &ids);
	return ids;
}

/*
 * ckpt_inhand_forget removes what ckpt_inhand_collect() read: it is on record,
 * safe on disk, or of no more use.
 */
void
ckpt_inhand_forget(int64 checkpoint_id)
{
	inhand_files(checkpoint_id, remove_file, NULL);
}
