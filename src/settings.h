/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  Which settings of the session code depends on, by what it works with.
 *
 * Knows names of settings and the kinds of values that they matter to; does not know
 * what the code is, nor what is done with their hash.  Called by what makes
 * fingerprints and identities.
 *
 * IDENTIFICATION
 *	  src/settings.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_SETTINGS_H
#define CKPT_SETTINGS_H

#include "nodes/pg_list.h"

/* What code works with, as far as settings decide what it makes of that. */
#define CKPT_TOPIC_TIME			0x01	/* dates and times */
#define CKPT_TOPIC_INTERVAL		0x02
#define CKPT_TOPIC_FLOAT		0x04
#define CKPT_TOPIC_BYTEA		0x08
#define CKPT_TOPIC_MONEY		0x10
#define CKPT_TOPIC_FORMAT		0x20	/* to_char() and its like */
#define CKPT_TOPIC_SEARCH		0x40	/* text search */

/* Those that only the text form depends on, which the server calls immutable. */
#define CKPT_TOPICS_TEXT \
	(CKPT_TOPIC_INTERVAL | CKPT_TOPIC_FLOAT | CKPT_TOPIC_BYTEA)

extern int	ckpt_topics_of_type(Oid type);
extern int	ckpt_topics_of_function(const char *name);
extern int	ckpt_topics_of_word(const char *word);
extern List *ckpt_settings_of_topics(List *names, int topics);
extern List *ckpt_settings_add(List *names, const char *name);
extern bool ckpt_settings_have(List *names, const char *name);
extern bool ckpt_setting_is_default(const char *name);
extern char *ckpt_settings_hash(void);

#endif							/* CKPT_SETTINGS_H */
