# A database owner who is no superuser can install the extension, and dump and
# restore with all of pg_dump's ways.  Result tables and views come; the rows of the
# catalogs, which could be forged, only with a superuser: then jobs continue.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', "CREATE ROLE boss LOGIN; CREATE ROLE app LOGIN; CREATE DATABASE shop OWNER boss TEMPLATE template0");

# as runs statements as a role.
sub as
{
	my ($role, $db, $sql) = @_;
	my ($ret, $stdout, $stderr) = $node->psql($db, $sql, extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose' ]);

	return wantarray ? ($ret, $stdout, $stderr) : $stdout;
}

is((as('app', 'shop', 'CREATE EXTENSION checkpoint'))[0], 3, 'a role without rights cannot install it');
is((as('boss', 'shop', 'CREATE EXTENSION checkpoint'))[0], 0, 'the owner of the database can');
is(as('boss', 'shop', "SELECT count(*) FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'checkpoint' AND proowner <> 10"),
	'0', 'what it consists of is not his');

# What he could try
foreach my $try (
	"INSERT INTO checkpoint.job (name, owner, attached, fresh) VALUES ('forged', 'postgres', false, false)",
	"UPDATE checkpoint.job SET owner = 'postgres'",
	'SELECT * FROM checkpoint.checkpoint',
	'ALTER TABLE checkpoint.job OWNER TO boss',
	'CREATE TRIGGER t BEFORE INSERT ON checkpoint.job FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	'CREATE OR REPLACE VIEW checkpoint.jobs AS SELECT 1',
	'CREATE FUNCTION checkpoint.f() RETURNS int LANGUAGE sql RETURN 1',
	"CREATE OR REPLACE FUNCTION checkpoint._may_use(checkpoint.role) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
	'ALTER SCHEMA checkpoint OWNER TO boss',
	'ALTER EXTENSION checkpoint DROP TABLE checkpoint.job',
	"CREATE FUNCTION f(internal, record) RETURNS internal LANGUAGE c AS '\$libdir/checkpoint', 'checkpoint_content_hash_trans'",
	'GRANT ALL ON ALL TABLES IN SCHEMA checkpoint TO boss; SELECT * FROM checkpoint.job')
{
	my ($ret, $stdout, $stderr) = as('boss', 'shop', $try);
	like($stderr, qr/42501/, "refused: $try");
}
# his own schema of that name hinders, and is not used
$node->safe_psql('postgres', "CREATE DATABASE trap OWNER boss TEMPLATE template0");
like((as('boss', 'trap', 'CREATE SCHEMA checkpoint; CREATE EXTENSION checkpoint'))[2], qr/42P06/,
	'a schema that is there already is not taken over');

$node->safe_psql('shop', <<'SQL');
CREATE SCHEMA app AUTHORIZATION app;
CREATE SEQUENCE app.calls;
ALTER SEQUENCE app.calls OWNER TO app;
GRANT USAGE ON SCHEMA app TO boss;
CREATE TABLE app.src AS SELECT i AS num FROM generate_series(1, 100) i;
ALTER TABLE app.src OWNER TO app;
SQL
my $half = 'CREATE OR REPLACE FUNCTION app.half(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval(\'app.calls\');
	IF %s THEN RAISE \'not yet\'; END IF;
	RETURN x * 2;
END $$;';
my $done_job = "SELECT checkpoint.begin_job('done'); CALL checkpoint.map('d', 'SELECT num FROM app.src', 'num + 1 AS y');
	CALL checkpoint.save('app.shown', 'SELECT y FROM d'); SELECT checkpoint.end_job();";
my $half_job = "SELECT checkpoint.begin_job('half'); CALL checkpoint.map('h', 'SELECT num FROM app.src ORDER BY num', 'app.half(num) AS y'); SELECT checkpoint.end_job();";
as('app', 'shop', sprintf($half, 'x = 70'));
# one call each: steps commit
sub run
{
	my ($db, $job) = @_;

	return as('app', $db, join(";\n", split /; ?\n?\s*/, $job) . ';');
}
is((run('shop', $done_job))[0], 0, 'a role without rights runs a job there');
like((run('shop', $half_job))[2], qr/69 of 100 rows kept/, 'another fails in the middle');

my @to = ('-p', $node->port, '-h', $node->host);
my $dir = $node->backup_dir;
mkdir $dir;
my $files = "$dir/dump";
$node->command_ok([ 'pg_dump', '-Fd', '-j', '2', '-f', $files, @to, 'shop' ], 'pg_dump by a superuser, parallel');
$node->command_ok([ 'pg_dump', '-Fc', "--section=$_", '-f', "$files.$_", @to, 'shop' ], "section $_")
  foreach ('pre-data', 'data', 'post-data');

# goes_on runs both jobs where all has been restored.
sub goes_on
{
	my ($db, $how) = @_;

	as('app', $db, sprintf($half, 'false') . "SELECT setval('app.calls', 1, false)");
	like((run($db, $done_job))[2], qr/step "d": reused/, "$how: what was finished is reused");
	is((run($db, $half_job))[0], 0, "$how: the half-done job runs");
	is(as('app', $db, 'SELECT action, rows_kept, rows_computed FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1'),
		'continued|69|31', "$how: it continues");
	is(as('app', $db, 'SELECT count(*), sum(y) FROM app.shown'), '100|5150', "$how: what was published is shown");
}

# by a superuser: parallel, and section by section into a database of another name
$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER boss TEMPLATE template0") foreach ('parallel', 'sections', 'owned', 'left_out');
$node->command_ok([ 'pg_restore', '-e', '-j', '2', '-d', 'parallel', @to, $files ], 'pg_restore -j');
goes_on('parallel', 'parallel');
$node->command_ok([ 'pg_restore', '-e', '-d', 'sections', @to, "$files.$_" ], "pg_restore of section $_")
  foreach ('pre-data', 'data', 'post-data');
goes_on('sections', 'sections');

# by the owner of the database: the catalogs' rows do not come
sub computes_anew
{
	my ($db) = @_;

	is($node->safe_psql($db, 'SELECT count(*) FROM checkpoint.jobs'), '0', "$db: no jobs came");
	is(as('boss', $db, 'SELECT count(*), sum(y) FROM app.shown'), '100|5150', "$db: what was published is shown");
	is( $node->safe_psql($db, "SELECT count(*), bool_and(pg_get_userbyid(relowner) = 'boss') FROM pg_class
			WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r'"),
		'4|t', "$db: the result tables came, and are the owner's");
	$node->safe_psql($db, 'ALTER SCHEMA app OWNER TO app; ALTER TABLE app.src OWNER TO app; ALTER SEQUENCE app.calls OWNER TO app;
		ALTER FUNCTION app.half OWNER TO app; ALTER VIEW app.shown OWNER TO app');
	as('app', $db, sprintf($half, 'false'));
	like((run($db, $done_job))[2], qr/step "d": computed.*42809/s, "$db: jobs compute anew; a view that is not on record is not replaced");
	as('app', $db, 'DROP VIEW app.shown');
	is((run($db, $done_job))[0], 0, "$db: once it is dropped, it is published anew");
	is((run($db, $half_job))[0], 0, "$db: the other job runs, too");
	is(as('app', $db, 'SELECT action, rows_kept, rows_computed FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1'),
		'computed|0|100', "$db: from the beginning");
	return;
}
# boss may read all of it
$node->safe_psql('shop', 'GRANT app TO boss');
$node->command_fails([ 'pg_dump', '-U', 'boss', '-Fc', '-f', "$files.boss", @to, 'shop' ],
	'the catalogs are not dumped by who may not read them');
$node->command_ok([ 'pg_dump', '-U', 'boss', '-Fc', '--exclude-table-data=checkpoint.*', '-f', "$files.boss", @to, 'shop' ],
	'pg_dump by the owner of the database, without them');
$node->command_ok([ 'pg_restore', '-e', '-U', 'boss', '--no-owner', '--no-acl', '-d', 'left_out', @to, "$files.boss" ],
	'pg_restore by the owner of the database');
computes_anew('left_out');
# a superuser's dump, restored by the owner: the rest comes all the same
$node->command_fails_like([ 'pg_restore', '-U', 'boss', '--no-owner', '--no-acl', '-d', 'owned', @to, $files ],
	qr/permission denied for table job/, 'restored by the owner, a whole dump has errors for the catalogs');
computes_anew('owned');

# DROP EXTENSION is his, too
$node->safe_psql('shop', "SELECT 1");
is((as('boss', 'owned', 'DROP EXTENSION checkpoint CASCADE'))[0], 0, 'the owner of the database may drop it');
$node->stop;
done_testing();
