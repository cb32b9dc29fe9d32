# Rules 1 to 5, 10, 13 and 15 under random changes: nothing is computed twice and
# nothing stale is served.
#
# Each round changes data, code and settings at random, runs one of a few jobs,
# which share tables and functions, as one of a few roles, which share the jobs'
# names, and compares what came of each step with a model of what is kept:
#
# - no stale row: the output is the multiset that the input gives, with the
#   function's result for that row.  The result says which code computed it: that
#   at hand, or that which the model knows the row to be kept from.
# - no unnecessary call: a step calls the function for exactly those rows that
#   the rules do not keep, with the code at hand, once each.  One that fails
#   calls some of them, and keeps what did not fail.
# - what the function writes is there for exactly those rows.  (Where it writes
#   and fails, a batch may be run again: then a row may be called twice.)
#
# The functions log each call to the server's log, which no rollback undoes, and
# where workers log, too.  A step's input is asked of the server: its query, over
# the outputs of the steps before it, which have been checked.
#
#	SEED=n		repeat the choices of a run
#	ROUNDS=n	how many rounds
#
# It takes minutes: test/run --without=long leaves it out.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run;
use JSON::PP;
use List::Util qw(max min sum0 uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // int(rand(1_000_000_000));
my $rounds = $ENV{ROUNDS} // 1000;
srand($seed);
diag("SEED=$seed ROUNDS=$rounds");

sub pick { return $_[ int(rand(@_)) ]; }
sub chance { return rand() < $_[0]; }

#
# The server
#

my $node = PostgreSQL::Test::Cluster->new('stale');
$node->init;
$node->append_conf('postgresql.conf', q{
log_error_verbosity = terse
log_line_prefix = ''
log_min_error_statement = panic
log_statement = none
});
# with so few buffers, pages are written and read again all the time
$node->append_conf('postgresql.conf', 'shared_buffers = ' . pick('1MB', '128MB'));
$node->start;
$node->safe_psql('postgres', q{
SET search_path = public;
CREATE EXTENSION checkpoint;
CREATE TABLE s1 (id serial, a int, b numeric, note text, unread text);
CREATE TABLE s2 (LIKE s1 INCLUDING ALL);
CREATE TABLE s1_before (LIKE s1 INCLUDING ALL);
CREATE TABLE s2_before (LIKE s1 INCLUDING ALL);
CREATE TABLE s1_last (LIKE s1 INCLUDING ALL);
CREATE TABLE s2_last (LIKE s1 INCLUDING ALL);
CREATE VIEW v1 AS SELECT * FROM s1;
CREATE TABLE written (step text, row_values text);
-- the first superuser has the name of whoever runs the test
SELECT 'CREATE ROLE postgres SUPERUSER' WHERE to_regrole('postgres') IS NULL \gexec
CREATE ROLE ann;
CREATE SCHEMA ann AUTHORIZATION ann;
CREATE ROLE bob;
CREATE SCHEMA bob AUTHORIZATION bob;
CREATE SCHEMA postgres;
GRANT SELECT ON s1, s2, v1 TO ann, bob;
GRANT INSERT ON written TO ann, bob;
-- where helper() finds shade(): it has a search_path of its own
CREATE SCHEMA light;
CREATE SCHEMA dark;
CREATE SCHEMA session;
GRANT USAGE ON SCHEMA light, dark, session TO PUBLIC;

-- replaces f while it runs
CREATE FUNCTION replace_code() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, session AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(1);		-- two processes cannot at once
	EXECUTE current_setting('test.' || 'replace');
END $$;

-- logs a call, writes from some value on, and fails if it is to; returns the version of what the function
-- depends on without being seen to
CREATE FUNCTION called(a int, b numeric, code text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	code := code || '.c' || current_setting('test.' || 'cache_version');
	RAISE LOG 'call % %', current_setting('test.' || 'step'), code || ':' || ROW(a, b)::text;
	IF a = current_setting('test.' || 'replace_at')::int THEN
		PERFORM replace_code();
	END IF;
	IF a >= current_setting('test.' || 'writes_from')::int THEN
		INSERT INTO public.written VALUES (current_setting('test.' || 'step'), ROW(a, b)::text);
	END IF;
	IF a = ANY(current_setting('test.' || 'bad')::int[]) THEN
		RAISE 'bad row %', a;
	END IF;
	RETURN code;
END $$;

-- report says what became of a job's steps.  queries gives for each step its
-- query, the columns of the result, and those that the UDF reads and makes.
CREATE FUNCTION report(job bigint, queries jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	s record;
	q jsonb;
	outputs text := 'WITH none AS (SELECT)';
	report jsonb := '[]';
	input jsonb;
	output jsonb;
	processed jsonb;
BEGIN
	FOR s IN SELECT st.*, state FROM checkpoint.steps st LEFT JOIN checkpoint.checkpoints USING (checkpoint_id)
		WHERE st.job_id = report.job ORDER BY st.started_at
	LOOP
		q := queries -> s.step;
		EXECUTE format('%s SELECT coalesce(jsonb_agg(jsonb_build_array(ROW(%s)::text, %s)), ''[]'') FROM (%s) i',
			outputs, q ->> 'columns', 'ROW(' || (q ->> 'reads') || ')::text', q ->> 'query') INTO input;
		output := '[]';
		processed := 'null';
		IF s.output_table IS NOT NULL THEN
			EXECUTE format('SELECT coalesce(jsonb_agg(jsonb_build_array(%s, %s)), ''[]'') FROM %s',
				CASE s.kind WHEN 'gen' THEN 'NULL' ELSE 'ROW(' || (q ->> 'columns') || ')::text' END,
				coalesce(q ->> 'makes', 'NULL'),
				CASE WHEN s.kind = 'save' AND s.action <> 'failed' THEN s.step ELSE s.output_table::text END) INTO output;
			outputs := format('%s, %I AS (SELECT * FROM %s)', outputs, s.step, s.output_table);
		END IF;
		IF s.state = 'partial' THEN
			EXECUTE format('SELECT coalesce(jsonb_agg(ROW(%s)::text), ''[]'') FROM %s
				WHERE sys__id IN (SELECT checkpoint.processed_ids(%s))',
				q ->> 'reads', s.input_table, s.checkpoint_id) INTO processed;
		END IF;
		report := report || jsonb_build_object('step', s.step, 'action', s.action, 'reason', s.reason,
			'total', s.rows_total, 'kept', s.rows_kept, 'computed', s.rows_computed, 'checkpoint', s.checkpoint_id,
			'state', s.state, 'input_table', s.input_table::text, 'output_table', s.output_table::text,
			'input', input, 'output', output, 'processed', processed,
			'quarantined', (SELECT rows_failed FROM checkpoint.checkpoints c WHERE c.checkpoint_id = s.checkpoint_id),
			'written', (SELECT coalesce(jsonb_agg(row_values), '[]') FROM written WHERE step = s.step));
	END LOOP;
	RETURN report;
END $$;
});

# One session runs all.
my ($stdin, $stdout, $stderr) = ('', '', '');
my $timer = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
	'<', \$stdin, '>', \$stdout, '2>', \$stderr, $timer);
my $log_seen = 0;

# psql_run returns what a script writes to stdout and stderr.
sub psql_run
{
	my ($script) = @_;

	$timer->start;
	$stdin .= "$script\n\\echo *end*\n\\warn *end*\n";
	$psql->pump until $stdout =~ /^\*end\*\n/m && $stderr =~ /^\*end\*\n/m;
	my ($out, $err) = ($stdout, $stderr);
	($stdout, $stderr) = ('', '');
	s/^\*end\*\n//m foreach ($out, $err);
	return ($out, $err);
}

sub sql
{
	my ($out, $err) = psql_run("$_[0];");

	die "$_[0]\n$err" if $err ne '';
	chomp $out;
	return $out;
}

# new_calls counts the calls since the last time: {step}{code:values}.
sub new_calls
{
	my %calls;

	open my $file, '<', $node->logfile or die $node->logfile . ": $!";
	seek $file, $log_seen, 0;
	while (my $line = <$file>)
	{
		$calls{$1}{$2}++ if $line =~ /^LOG:  call (\S+) (.*)\n$/;
	}
	$log_seen = tell $file;
	close $file;
	return \%calls;
}

sql(q{
SET client_min_messages = error;
SET search_path = public, session;
SET test.bad = '{}';
SET test.cache_version = 0;
SET test.step = '';
SET test.writes_from = 1000;
SET test.replace_at = -1;
SET test.tint = 0;
});

#
# What changes
#

# Versions of the code.  Version 3 of f, g and bf cannot handle some row.
my %code = (f => 1, g => 1, bf => 1, helper => 1, helper2 => 1, expression => 0, path => 'light',
	light => 1, dark => 1, session => 1);
my %bug = (f => 3, g => 2, bf => 4);
my $cache_version = 0;
my $tint = 0;		# a setting that helper() names
my $view = 'SELECT * FROM s1';
my $next_unique = 100;

sub noise { return pick('', ' ', "\n\t", ' /* comment ' . int(rand(100)) . " */ ", " -- comment\n"); }
sub keyword { return chance(0.5) ? lc $_[0] : uc $_[0]; }

# write_function writes a function, with comments, spacing and case at random.
sub write_function
{
	my ($name) = @_;
	my $version = $code{$name};
	my ($begin, $return, $end, $select) = map { keyword($_) } qw(begin return end select);

	return "CREATE OR REPLACE FUNCTION helper2() RETURNS int LANGUAGE plpgsql AS \$\$"
	  . noise() . "$begin" . noise() . " $return $version;" . noise() . "$end\$\$;\n"
	  if $name eq 'helper2';
	# the session's shade() has nothing to do with what helper() calls
	return "CREATE OR REPLACE FUNCTION $name.shade() RETURNS text LANGUAGE plpgsql AS \$\$"
	  . noise() . "$begin" . noise() . " $return '$name$version.';" . noise() . "$end\$\$;\n"
	  if $name =~ /^(light|dark|session)$/;
	return "CREATE OR REPLACE FUNCTION helper() RETURNS text LANGUAGE sql SET search_path = $code{path}, public AS \$\$"
	  . noise() . "$select" . noise() . " 'h$version.' || shade() ||" . noise() . "helper2() || '.t' || current_setting('test.tint')\$\$;\n"
	  if $name eq 'helper';

	my $body = noise();
	$body .= "DECLARE" . noise() . " tag text := called(a, b, '$name$version.' || helper());\n$begin" . noise() . "\n";
	$body .= "IF a = $bug{$name} THEN RAISE 'cannot handle %', a; END IF;\n" if $version == 3;
	return "CREATE OR REPLACE FUNCTION f(a int, b numeric) RETURNS text LANGUAGE plpgsql AS \$\$$body"
	  . "$return tag || ':' || ROW(a, b)::text;" . noise() . "$end\$\$;\n"
	  if $name eq 'f';
	# one that is called for several rows
	return "CREATE OR REPLACE FUNCTION bf(a int[], b numeric[]) RETURNS text[] LANGUAGE plpgsql AS \$\$DECLARE tag text; y text[] := '{}';"
	  . noise() . "$begin" . noise() . "\nFOR i IN 1 .. cardinality(a) LOOP tag := called(a[i], b[i], 'bf$version.' || helper());\n"
	  . ($version == 3 ? "IF a[i] = $bug{bf} THEN RAISE 'cannot handle %', a[i]; END IF;\n" : '')
	  . "y := y || (tag || ':' || ROW(a[i], b[i])::text);" . noise() . "END LOOP;\n$return y; $end\$\$;\n"
	  if $name eq 'bf';
	$body =~ s/DECLARE/DECLARE p int := a; q numeric := b;/;
	return "CREATE OR REPLACE FUNCTION g(INOUT a int, INOUT b numeric, OUT z text) RETURNS SETOF record LANGUAGE plpgsql AS \$\$$body"
	  . "FOR i IN 1 .. CASE WHEN p >= 100 THEN 0 ELSE 1 + coalesce(p, 0) % 2 END LOOP" . noise() . "\n"
	  . "a := p; b := q; z := tag || ':' || ROW(p, q)::text || '#' || i; RETURN NEXT;\nEND LOOP;\n$end\$\$;\n";
}

# What gives no rows is not doubled: see results().
sub yields { my ($values) = @_; return $values =~ /^\((\d+),/ ? ($1 >= 100 ? 0 : 1 + $1 % 2) : 1; }
sub random_a { return chance(0.12) ? $next_unique++ : pick('NULL', 0 .. 7); }
sub random_row
{
	return join(', ', random_a(), pick('NULL', '1.0', '1.00', '2'), pick('NULL', "''", "'x'", "'y'"), "'u'");
}
sub random_id { my ($table) = @_; return "(SELECT id FROM $table ORDER BY md5(id::text || ${\ rand()}) LIMIT 1)"; }

my %mutations = (
	insert => { weight => 8, sql => sub {
		my ($t) = @_;
		return "INSERT INTO $t (a, b, note, unread) VALUES " . join(', ', map { '(' . random_row() . ')' } 1 .. pick(1, 2, 4, 12)) . ";\n"; } },
	double => { weight => 4, sql => sub {
		my ($t) = @_;
		return "INSERT INTO $t (a, b, note, unread) SELECT a, b, note, unread FROM $t WHERE id = ${\ random_id($t)} AND coalesce(a, 0) < 100;\n"; } },
	delete => { weight => 6, sql => sub {
		my ($t) = @_;
		return join('', map { "DELETE FROM $t WHERE id = ${\ random_id($t)};\n" } 1 .. pick(1, 1, 3)); } },
	'update read' => { weight => 6, sql => sub {
		my ($t) = @_;
		return "UPDATE $t SET " . pick('a = ' . random_a(), 'b = ' . pick('NULL', '1.0', '1.00', '2')) . " WHERE id = ${\ random_id($t)};\n"; } },
	'update note' => { weight => 4, sql => sub {
		my ($t) = @_;
		return "UPDATE $t SET note = coalesce(note, '') || 'z' WHERE id = ${\ random_id($t)};\n"; } },
	'update unread' => { weight => 2, sql => sub { "UPDATE $_[0] SET unread = unread || 'z';\n" } },
	reorder => { weight => 2, sql => sub { "UPDATE $_[0] SET id = -id;\n" } },
	'go back' => { weight => 6, sql => sub { "TRUNCATE $_[0]; INSERT INTO $_[0] TABLE $_[0]_before;\n" } },
	undo => { weight => 4, sql => sub { "TRUNCATE $_[0]; INSERT INTO $_[0] TABLE $_[0]_last;\n" } },
	remember => { weight => 3, sql => sub { "TRUNCATE $_[0]_before; INSERT INTO $_[0]_before TABLE $_[0];\n" } },
	trim => { weight => 3, sql => sub { "DELETE FROM $_[0] WHERE id NOT IN (SELECT id FROM $_[0] ORDER BY id DESC LIMIT 30);\n" } },
	'remove what fails' => { weight => 3, sql => sub { "DELETE FROM $_[0] WHERE a IN (2, 3, " . int(rand(8)) . ");\n" } },
	empty => { weight => 0.5, sql => sub { "TRUNCATE $_[0];\n" } },
	view => { weight => 3, sql => sub {
		$view = pick('SELECT * FROM s1', 'SELECT * FROM s1 WHERE true', 'SELECT * FROM s1 WHERE a IS DISTINCT FROM 2');
		return "CREATE OR REPLACE VIEW v1 AS $view;\n"; } },
	f => { weight => 8, sql => sub { $code{f} = pick(1, 1, 2, 3); return write_function('f'); } },
	g => { weight => 6, sql => sub { $code{g} = pick(1, 1, 2, 3); return write_function('g'); } },
	bf => { weight => 4, sql => sub { $code{bf} = pick(1, 1, 2, 3); return write_function('bf'); } },
	helper => { weight => 2, sql => sub { $code{helper} = pick(1, 1, 1, 2); return write_function('helper'); } },
	path => { weight => 3, sql => sub { $code{path} = pick('light', 'light', 'dark'); return write_function('helper'); } },
	(map { my $schema = $_; $schema => { weight => 2, sql => sub { $code{$schema} = pick(1, 1, 2); return write_function($schema); } } }
	  qw(light dark session)),
	helper2 => { weight => 3, sql => sub { $code{helper2} = pick(1, 1, 1, 2); return write_function('helper2'); } },
	noise => { weight => 4, sql => sub { join('', map { write_function($_) } qw(light dark session helper2 helper f g bf)) } },
	expression => { weight => 3, sql => sub { $code{expression} = pick(0, 0, 0, 1, 2, 3); return ''; } },
	setting => { weight => 3, sql => sub { $tint = pick(0, 0, 0, 1); return "SET test.tint = $tint;\n"; } },
	'cache version' => { weight => 3, sql => sub { $cache_version = pick(0, 0, 0, 1); return ''; } },
	repair => { weight => 8, sql => sub {
		my $sql = '';
		foreach my $name ('f', 'g', 'bf')
		{
			next unless $code{$name} == 3;
			$code{$name} = pick(1, 2);
			$sql .= write_function($name);
		}
		return $sql; } },
	'drop table' => { weight => 2, sql => \&drop_table },
	expire => { weight => 1, sql => \&expire },
	pin => { weight => 1, sql => \&pin },
);
my @mutations = map { ($_) x (2 * $mutations{$_}{weight}) } sort keys %mutations;

#
# The jobs.  The functions read a and b; note, l and z are columns that they do
# not read.
#

my $sources = sub { return pick(
	'SELECT a, b, note FROM s1 ORDER BY id',
	'SELECT a, b, note FROM s1 ORDER BY id',
	'SELECT a, b, note FROM s1 ORDER BY a DESC, id',
	'SELECT a, b, note FROM v1',
	# a trial on some rows, or another window
	'SELECT a, b, note FROM s1 WHERE a BETWEEN ' . pick('1 AND 3', '2 AND 4', '3 AND 99') . ' ORDER BY id',
	pick('SELECT a, b, note FROM s1 WHERE a IS NULL', 'SELECT a, b, note FROM s1 WHERE false',
		'SELECT a, b, note FROM s1 ORDER BY id'),
	'WITH s AS (TABLE s1) SELECT s.a, s.b, s.note FROM s WHERE true') };
my %m = (kind => 'map', query => $sources, columns => 'a, b, note', makes => 'y', udf => 'f(a, b)');
my %g = (kind => 'gen', columns => 'a, b', makes => 'z', udf => 'g(a, (SELECT input.b))');
my @by_map = (
	{ %m, step => 'm' },
	{ kind => 'query', step => 'q', columns => 'a, b, n',
		query => 'SELECT a, b::text::numeric AS b, count(*) AS n FROM m GROUP BY a, b::text' },
	{ %g, step => 'g', query => 'SELECT a, b FROM q' },
	{ kind => 'save', step => 'p1', columns => 'a, b, z', query => 'SELECT a, b, z FROM g' });
my %jobs = (
	one => \@by_map,
	two => \@by_map,
	three => [
		{ %m, step => 'other' },
		{ %m, step => 'm2', query => 'SELECT a, b, length(y) AS l FROM other', columns => 'a, b, l' },
		{ kind => 'save', step => 'p2', columns => 'a, b, y', query => 'SELECT a, b, y FROM m2' }],
	four => [
		{ %g, step => 'g', columns => sub { pick('a, b, note', 'a, b, note', 'a, b') },
			query => sub { "SELECT $_[0] FROM s2 " . pick(('') x 4, 'WHERE a BETWEEN 1 AND 3', 'WHERE a > 2') .
				' ORDER BY ' . pick('id', 'a, id') } },
		{ %m, step => 'm3', query => 'SELECT a, b, z FROM g', columns => 'a, b, z' }],
	five => [
		# a column that is not read is there, or not, or has another name or type
		{ %m, step => 'm', columns => sub { pick(('a, b, note') x 3, 'a, b', 'a, b, remark', 'a, b, size') },
			query => sub {
				my $columns = $_[0] =~ s/remark/note AS remark/r =~ s/size/length(note) AS size/r;
				return "SELECT $columns FROM s2 " . pick(('') x 4, 'WHERE a BETWEEN 1 AND 3', 'WHERE a > 2') . ' ORDER BY id'; } },
		{ %m, step => 'again', query => 'SELECT a, b, note FROM s2', columns => 'a, b, note' }],
	# calls for several rows
	six => [
		{ %m, step => 'b', udf => 'bf(a, b) AS y', batch => 1 }],
	# groups: to the model, a row for each, with the number of its rows
	seven => [
		{ kind => 'agg', step => 's', columns => 'a, t', reads => 'a, t, rows', makes => 'y',
			udf => "f(a, t::numeric) || '|' || count(*) AS y", partition_by => 'a, t',
			query => sub { 'SELECT a, b::text AS t FROM s2 ' . pick(('') x 4, 'WHERE a BETWEEN 1 AND 3', 'WHERE a > 2') . ' ORDER BY id'; } }]);

# What map computes, by the version of the expression: a column may be read in a
# sub-select only.
my @expressions = (
	'f(a, b)',
	"f(a, b) || '.e1'",
	"f(a, (SELECT input.b)) || '.e2'",
	"f((SELECT max(i) FROM (VALUES (input.a)) v (i)), (SELECT b)) || '.e3'");

my @roles = ('postgres', 'ann', 'ann', 'bob');
my %reads = (one => 's1', two => 's1', three => 's1', four => 's2', five => 's2', six => 's1', seven => 's2');

my %asked;		# {group}{step}: the columns and queries of the last runs
my @bad;		# the rows on which functions fail; they stay so when a job is run again

# make_run draws what a run of a job is asked for.
sub make_run
{
	my ($job, $role, $again) = @_;
	my $run = { job => $job, role => $role, group => "$role $job", fresh => chance($again ? 0.02 : 0.06), steps => [] };

	foreach my $step (@{ $jobs{$job} })
	{
		my %s = %$step;

		$s{$_} = ref $s{$_} ? $s{$_}->($s{columns}) : $s{$_} foreach ('columns', 'query');
		# after trials, often what was asked for before
		my $asked = $asked{"$role $job"}{ $step->{step} } //= [];
		@s{ 'columns', 'query' } = @{ pick(@$asked) } if @$asked && chance($again ? 0.8 : 0.4);
		unshift @$asked, [ @s{ 'columns', 'query' } ];
		splice @$asked, 3;
		$s{step} = "$role.$s{step}" if $s{kind} eq 'save';
		$s{cache_enabled} = !chance(0.03);
		if ($s{udf})
		{
			my ($function) = $s{udf} =~ /^(\w+)/;

			# the expression's version is part of what f returns
			$s{udf} = "$expressions[$code{expression}] AS y" if $function eq 'f' && $s{kind} eq 'map';
			$s{function} = $function;
			$s{code} = "$function$code{$function}.h$code{helper}.$code{path}$code{ $code{path} }.$code{helper2}.t$tint";
			$s{code} .= ".e$code{expression}" if $function eq 'f' && $s{kind} eq 'map';
			$s{code} .= ".c$cache_version";
			$s{on_code_change} = pick(('continue') x 7, 'recompute', 'recompute', 'restart', 'restart', 'accept');
			$s{on_error} = chance(0.25) ? 'skip' : 'stop';
			$s{workers} = chance(0.04) ? 2 : 1;
			$s{batch} = pick(1, 2, 5, 64) if $s{batch};
		}
		push @{ $run->{steps} }, \%s;
	}
	if (!$run->{fresh} && chance(0.03))
	{
		$run->{resume_from} = pick(map { $_->{step} } @{ $run->{steps} });
	}
	@bad = chance(0.2) ? map { int(rand(8)) } 1 .. pick(1, 2) : () unless $again && chance(0.5);
	$run->{bad} = [@bad];
	$run->{writes_from} = pick((1000) x 5, 0, 2, 3, 4, 5, 6);
	return $run;
}

sub run_script
{
	my ($run) = @_;
	my $sql = "SET test.bad = '{" . join(',', @{ $run->{bad} }) . "}';\nSET test.cache_version = $cache_version;\n"
	  . "SET test.writes_from = $run->{writes_from};\nTRUNCATE written;\nSET ROLE $run->{role};\n";

	$sql .= "SELECT checkpoint.begin_job('$run->{job}'";
	$sql .= ', fresh => true' if $run->{fresh};
	$sql .= ", resume_from => '$run->{resume_from}'" if $run->{resume_from};
	$sql .= ");\n";
	foreach my $s (@{ $run->{steps} })
	{
		$sql .= "SET test.step = '$s->{step}';\nCALL checkpoint.$s->{kind}('$s->{step}', '$s->{query}'";
		$sql .= ", \$\$$s->{udf}\$\$" if $s->{udf};
		$sql .= ", '$s->{partition_by}'" if $s->{partition_by};
		$sql .= ', cache_enabled => false' unless $s->{cache_enabled};
		if ($s->{udf})
		{
			$sql .= ", cache_version => '$cache_version'" if $cache_version;
			$sql .= ", on_code_change => '$s->{on_code_change}', on_error => '$s->{on_error}', workers => $s->{workers}";
			$sql .= ", batch => $s->{batch}" if $s->{batch};
		}
		$sql .= ");\n";
	}
	return "${sql}SELECT checkpoint.end_job();\nRESET ROLE;\n";
}

#
# The model: what is kept.  A checkpoint has
#
#	id, group, step, kind, input, columns	which; a group is a role and a job
#	final, key, fresh, mixed			its state; key until it is replaced
#	key_parts							what it is replaced by, in its step
#	accepted							{code}: it counts as of that, too
#	carried_from						the one that most rows came from
#	quarantined							rows
#	code, worked							with which code it was worked on last, and when
#	results									{values}{code}: how many rows
#	tables, lost							input and output
#	old, pinned								has it expired?
#

my @checkpoints;	# oldest first
my %known_steps;	# {group}: those that resume_from may name
my %published;		# {target}: the checkpoint that it shows
my %used;			# {group}{step}: which checkpoint each run used, newest first

# group_checkpoints lists those of a step of a run group, and those of others that
# its last runs have used, newest first.
sub group_checkpoints
{
	my ($run, $s) = @_;
	my @used = grep { defined } @{ $used{ $run->{group} }{ $s->{step} } // [] }[0 .. 8];

	return reverse grep {
		my $cp = $_;
		!expired($cp) && ($cp->{group} eq $run->{group} && $cp->{step} eq $s->{step} || grep { $_ == $cp->{id} } @used) }
	  @checkpoints;
}

sub drop_table
{
	my $cp = @checkpoints ? pick(@checkpoints[max(0, $#checkpoints - 20) .. $#checkpoints]) : return '';
	my $which = pick(sort keys %{ $cp->{tables} }) // return '';

	$cp->{lost}{$which} = 1;
	return 'DROP TABLE ' . delete($cp->{tables}{$which}) . " CASCADE;\n";
}

# expire makes a checkpoint's last use be long ago.
sub expire
{
	my $cp = @checkpoints ? pick(@checkpoints[max(0, $#checkpoints - 20) .. $#checkpoints]) : return '';

	return '' if $cp->{fresh};
	$cp->{old} = 1;
	return "UPDATE checkpoint.checkpoint SET last_used_at = now() - interval '29 days' WHERE checkpoint_id = $cp->{id};\n";
}

sub pin
{
	my $cp = @checkpoints ? pick(@checkpoints[max(0, $#checkpoints - 20) .. $#checkpoints]) : return '';

	$cp->{pinned} = 1;
	return "UPDATE checkpoint.checkpoint SET pinned = true WHERE checkpoint_id = $cp->{id};\n";
}

sub expired
{
	my ($cp) = @_;

	return $cp->{old} && !$cp->{pinned} && !grep { $_ == $cp->{id} } values %published;
}

# can_handle returns whether the function, as it is, handles a row.
sub can_handle
{
	my ($run, $s, $values) = @_;
	my ($a) = $values =~ /^\((\d+),/ or return 1;

	return !(grep { $_ == $a } @{ $run->{bad} }) && !($code{ $s->{function} } == 3 && $bug{ $s->{function} } == $a);
}

# find_partial looks for what to continue.  What is to be restarted is noted in
# $s->{restarted}.
sub find_partial
{
	my ($run, $s, $fresh_only) = @_;

	foreach my $cp (group_checkpoints($run, $s))
	{
		my $other_code = grep { $_ ne $s->{code} } codes($cp);

		next if $cp->{final} || $cp->{input} ne $s->{input_key} || $cp->{columns} ne $s->{columns_key};
		return undef if $fresh_only && !$cp->{fresh};
		next if %{ $cp->{lost} };
		if ($s->{on_code_change} eq 'restart' && $other_code)
		{
			$s->{restarted}{ $cp->{id} } = 1;
			next;
		}
		# rather than to drop rows, those that count are carried over to a new one
		return undef if $s->{on_code_change} eq 'recompute' && $other_code && others_have_more($run, $s, $cp);
		return $cp;
	}
	return undef;
}

# counts_as_current returns whether all rows of a final checkpoint count as of the
# code at hand: in its run group, that it was finished with, and what was accepted.
sub counts_as_current
{
	my ($run, $s, $cp) = @_;

	return $s->{on_code_change} ne 'recompute' && $cp->{group} eq $run->{group}
	  && ($cp->{code} eq $s->{code} || $cp->{accepted}{ $s->{code} });
}

# others_have_more returns whether other checkpoints may have results that an
# unfinished one lacks.
sub others_have_more
{
	my ($run, $s, $partial) = @_;
	my ($behind, $changed_back) = (0, 0);

	foreach my $cp (group_checkpoints($run, $s))
	{
		if ($cp == $partial)
		{
			$behind = 1;
			$changed_back = $cp->{code} ne $s->{code} && !grep { $_ eq $s->{code} } codes($cp);
		}
		elsif ($cp->{form} eq $s->{form})
		{
			return 1 if !$behind || $cp->{worked} > $partial->{worked}
				|| $changed_back && ($cp->{final} && counts_as_current($run, $s, $cp) || grep { $_ eq $s->{code} } codes($cp));
		}
		return 0 if $behind && $cp->{fresh} && !$cp->{final};
	}
	return 0;
}

sub codes { my ($cp) = @_; return uniq map { keys %$_ } values %{ $cp->{results} }; }

# what a base has for a row: all results, or those of the code at hand
sub results_of
{
	my ($cp, $code) = @_;
	my %results;

	foreach my $values (keys %{ $cp->{results} })
	{
		foreach my $by (keys %{ $cp->{results}{$values} })
		{
			$results{$values}{$by} = $cp->{results}{$values}{$by} if !defined $code || $by eq $code;
		}
	}
	return \%results;
}

# find_bases lists what there is to carry over, { cp, results }, newest first: of an
# unfinished one all results, of a final one those that count as of the code at
# hand.  Nothing is taken from behind a fresh run that is not finished.
sub find_bases
{
	my ($run, $s, $continued) = @_;
	my @bases;

	foreach my $cp (group_checkpoints($run, $s))
	{
		if ($cp != ($continued // 0) && $cp->{form} eq $s->{form} && !$s->{restarted}{ $cp->{id} } && !$cp->{lost}{output}
			&& !($cp->{lost}{input} && ($s->{kind} =~ /gen|agg/ || !$cp->{final})))
		{
			my $all = $cp->{final} ? $s->{on_code_change} eq 'accept' || counts_as_current($run, $s, $cp)
			  : $s->{on_code_change} !~ /^(recompute|restart)$/;
			my $results = results_of($cp, $all ? undef : $s->{code});

			push @bases, { cp => $cp, results => $results } if %$results;
		}
		# one that is restarted is dropped before, and hides nothing any more
		last if $cp->{fresh} && !$cp->{final} && !$s->{restarted}{ $cp->{id} };
	}
	return @bases;
}

# predict says what the step is to do: { how => 'reuse' | 'refuse' | 'adopt' |
# 'new', cp, bases }
sub predict
{
	my ($run, $s) = @_;
	my $cp;

	if (!$s->{anew})
	{
		my ($final) = grep {
			defined $_->{key} && $_->{key} eq $s->{key} && (!$_->{mixed} || $_->{group} eq $run->{group}) && !$_->{lost}{output} && !expired($_)
			&& !($s->{udf} && $s->{on_code_change} eq 'recompute' && grep { $_ ne $s->{code} } codes($_)) }
		  reverse @checkpoints;

		# what a fresh run has begun was to replace what is final
		$cp = $s->{udf} && find_partial($run, $s, 1);
		$cp = undef if $cp && $final && $final->{id} > $cp->{id};
		return { how => 'reuse', cp => $final } if $final && !$cp;
		if (!$cp && $s->{udf})
		{
			($final) = grep {
				$_->{final} && $_->{group} eq $run->{group} && $_->{columns} eq $s->{columns_key} && $_->{input} eq $s->{input_key}
				&& !$_->{lost}{output} && $s->{on_code_change} ne 'recompute'
				&& ($s->{on_code_change} eq 'accept' || counts_as_current($run, $s, $_)) } group_checkpoints($run, $s);
			return { how => 'reuse', cp => $final, accept => 1 } if $final;
			$cp = find_partial($run, $s, 0);
		}
	}
	return { how => 'refuse' } if $s->{other};
	return { how => 'adopt', cp => $cp,
		bases => [ { cp => $cp, results => results_of($cp, $s->{on_code_change} eq 'recompute' ? $s->{code} : undef) },
			others_have_more($run, $s, $cp) ? find_bases($run, $s, $cp) : () ] } if $cp;
	return { how => 'new', bases => [ $s->{udf} && !$s->{anew} ? find_bases($run, $s) : () ] };
}

# most_from returns the base that has most of the rows, if most rows of the input
# came from it.
sub most_from
{
	my ($total, @bases) = @_;
	my $nrows = sum0(values %$total);
	my (%got, $best, $from, $most);

	foreach my $base (@bases)
	{
		my ($carried, $taken) = (0, 0);

		last if $best && sum0(values %got) == $nrows;
		foreach my $values (keys %$total)
		{
			my $has = sum0(values %{ $base->{results}{$values} // {} });
			my $got = $got{$values} // 0;

			$taken += min($got, $has);
			$got{$values} = min($total->{$values}, max($got, $has));
			$carried += $got{$values} - $got;
		}
		($best, $from, $most) = ($base->{cp}, $carried, $carried + $taken)
		  if !$best || $carried > 0 && $carried + $taken > $most;
	}
	return $best && 2 * $from > $nrows ? $best->{id} : undef;
}

# forget drops checkpoints from the model.
sub forget
{
	my ($which) = @_;

	my @gone = grep { $which->($_) } @checkpoints;

	foreach my $link (grep { $_->{final} } @gone)
	{
		# a chain of results stays one
		foreach my $next (grep { ($_->{carried_from} // 0) == $link->{id} && $_->{group} eq $link->{group} && $_->{step} eq $link->{step} } @checkpoints)
		{
			$next->{carried_from} = $link->{carried_from};
		}
	}
	my %gone = map { $_->{id} => 1 } @gone;
	@checkpoints = grep { !$gone{ $_->{id} } } @checkpoints;
}

# forget_pruned forgets what has expired or lost a table, where the end of a job has
# dropped the record of it: some at a time.
sub forget_pruned
{
	my $there = sql('SELECT string_agg(checkpoint_id::text, \' \') FROM checkpoint.checkpoint');
	my %there = map { $_ => 1 } split(' ', $there);

	forget(sub { !$there{ $_[0]{id} } && (expired($_[0]) || %{ $_[0]{lost} }) });
}

# finished drops what is of no more use when a step has finished with a final
# checkpoint; it supersedes and replaces others only if it was not there before.
sub finished
{
	my ($run, $s, $cp, $total, $new) = @_;
	my $of_step = sub { $_[0]{group} eq $run->{group} && $_[0]{step} eq $s->{step} };

	forget(sub {
		my ($other) = @_;

		return 0 if $other->{final} || $other->{pinned} || !$of_step->($other);
		return 1 if $other->{input} eq $cp->{input};
		return 0 unless $new && $s->{udf};

		my %has = map { $_ => sum0(values %{ $other->{results}{$_} }) } keys %{ $other->{results} };
		my $n = sum0(values %has);
		return 0 if $other->{lost}{input};
		return !$other->{quarantined} if $n == 0;
		# results that are gone are not compared
		return 0 if $other->{lost}{output} && $s->{kind} eq 'map';
		return 2 * sum0(map { min($has{$_}, $total->{$_} // 0) } keys %has) > $n; });
	return unless $new;

	forget(sub {
		my ($other) = @_;

		return $other != $cp && $other->{final} && $of_step->($other) && $other->{key_parts} eq $cp->{key_parts}
		  && !$other->{pinned} && ($other->{mixed} || !$cp->{mixed}); });
	my ($before) = grep { $_->{id} == ($cp->{carried_from} // 0) && $_->{final} && $of_step->($_) } @checkpoints;
	forget(sub {
		my ($old) = @_;

		return $old->{final} && $of_step->($old) && $old->{id} == $before->{carried_from} && !$old->{pinned}
		  && !grep { $_ == $old->{id} } @{ $run->{uses} }; }) if $before && $before->{carried_from};
}

# results takes an output apart: {values}{code}, how many rows.  Rows without
# output have no code: they get that of what is kept, which must be one.
sub results
{
	my ($s, $report, $processed, $bases, $complain) = @_;
	my (%rows, %results);
	my %left = map { $_ => $processed->{$_} } keys %$processed;

	foreach my $row (@{ $report->{output} })
	{
		my ($code, $values, $rest) = $row->[1] =~ /^([^:]+):(\([^)]*\))(.*)$/;

		# the values of a group, as the model has them, end with the number of its rows
		$values = substr($values, 0, -1) . ",$1)" if $s->{kind} eq 'agg' && $rest =~ s/^\|(\d+)$//;
		if ($s->{kind} eq 'map' && !$s->{batch})
		{
			my $expression = $rest =~ s/^\.e(\d)// ? $1 : 0;

			$code =~ s/(\.c\d)$/.e$expression$1/;
		}
		$rows{$values}{$code}{$rest}++;
	}
	foreach my $values (keys %rows)
	{
		foreach my $code (keys %{ $rows{$values} })
		{
			my $want = $s->{kind} ne 'gen' ? 1 : yields($values);
			my @counts = uniq values %{ $rows{$values}{$code} };

			$complain->("$code:$values does not give the rows that it is to give")
			  unless keys %{ $rows{$values}{$code} } == $want && @counts == 1;
			$results{$values}{$code} = $counts[0];
			$left{$values} -= $counts[0];
		}
	}
	foreach my $values (grep { $left{$_} } keys %left)
	{
		my ($base) = grep { $_->{$values} } map { $_->{results} } @$bases;

		$complain->("$values: $left{$values} rows too few in the output")
		  unless $s->{kind} eq 'gen' && yields($values) == 0 && $left{$values} == 1;
		$results{$values}{ $base ? (keys %{ $base->{$values} })[0] : $s->{code} } = 1;
	}
	return \%results;
}

# of_group finds the group whose partition columns have these values.
sub of_group
{
	my ($total, $values) = @_;
	my $begin = substr($values, 0, -1) . ',';

	return (grep { index($_, $begin) == 0 } keys %$total)[0] // $values;
}

sub multiset { my %m; $m{$_}++ foreach @_; return \%m; }
sub show { my ($m) = @_; return join(' ', map { ref $m->{$_} ? "$_ => [" . show($m->{$_}) . ']' : "$_ x $m->{$_}" } sort keys %$m); }

my $round;
my %count = (steps => 0, calls => 0, failed => 0, replaced => 0);

# check_step compares a step with the model, and brings the model up to date.
sub check_step
{
	my ($run, $s, $report, $calls, $complain) = @_;
	my $total = multiset(map { $_->[1] } @{ $report->{input} });
	my $processed = $report->{processed} ? multiset(@{ $report->{processed} }) : $total;
	my $want;

	# a job resumes from a step and those that read it; others are reused, but for new ones
	my $resumed = $run->{resume_from}
	  && ($run->{resume_from} eq $s->{step} || grep { $s->{query} =~ /FROM \Q$_\E\b/ } keys %{ $run->{resumed} });
	$run->{resumed}{ $s->{step} } = 1 if $resumed;
	$s->{anew} = $run->{fresh} || !$s->{cache_enabled} || $resumed || 0;
	$s->{other} = $run->{resume_from} && !$resumed && $known_steps{ $run->{group} }{ $s->{step} };
	$s->{form} = join(',', $s->{kind}, $s->{makes} // 'query');
	$s->{restarted} = {};
	$s->{input_key} = join("\n", $s->{columns}, sort map { $s->{kind} eq 'agg' ? $_->[1] : $_->[0] } @{ $report->{input} });
	$s->{columns_key} = join(',', $s->{kind} eq 'gen' ? 'gen' : $s->{columns}, $s->{makes} // 'query');
	$s->{key} = join("\n", $run->{role}, $s->{columns_key}, $s->{code} // '', $s->{input_key});
	$want = predict($run, $s);
	$count{steps}++;
	$count{ $want->{how} }++;

	forget(sub { $s->{restarted}{ $_[0]{id} } }) if $want->{how} =~ /^(adopt|new)$/;
	$want->{cp}{accepted}{ $s->{code} } = 1 if $want->{accept};
	if ($want->{how} eq 'refuse')
	{
		$complain->("it is $report->{action}, not refused") unless $report->{action} eq 'failed' && !$calls;
		return;
	}
	if ($want->{how} eq 'reuse' || $report->{action} eq 'reused')
	{
		my $which = $want->{cp} ? "reused from $want->{cp}{id}" : 'from nothing';

		$complain->("it is $report->{action} from $report->{checkpoint}, not $which: $report->{reason}")
		  unless $report->{action} eq 'reused' && $want->{how} eq 'reuse' && $report->{checkpoint} == $want->{cp}{id};
		$complain->('reused, with calls') if $calls;
		return if $want->{how} ne 'reuse';
	}

	# the rows, of a step that has finished
	if ($s->{kind} ne 'gen' && $report->{state} eq 'final')
	{
		my $rows = multiset(map { $_->[0] } @{ $report->{input} });
		my $output = multiset(map { $_->[0] } @{ $report->{output} });

		$complain->("its rows are\n" . show($output) . "\nnot\n" . show($rows)) unless show($output) eq show($rows);
	}

	my $cp = $want->{how} eq 'new' ? { id => $report->{checkpoint}, group => $run->{group}, step => $s->{step},
		kind => $s->{kind}, input => $s->{input_key}, columns => $s->{columns_key}, form => $s->{form}, fresh => $s->{anew},
		carried_from => $s->{udf} ? most_from($total, @{ $want->{bases} }) : undef,
		results => {}, tables => {}, lost => {} } : $want->{cp};
	if ($s->{udf})
	{
		my @bases = $want->{how} eq 'reuse' ? { cp => $cp, results => $cp->{results} } : @{ $want->{bases} };
		my $results = results($s, $report, $processed, \@bases, $complain);
		my %called;
		my ($kept, $computed) = (0, 0);
		my $written = multiset(map { $s->{kind} eq 'agg' ? of_group($total, $_) : $_ } @{ $report->{written} });
		# a batch that writes and fails is run again
		my $fails = @{ $run->{bad} } || $code{ $s->{function} } == 3;
		my $twice = $run->{writes_from} < 100 && $fails ? 2 : 1;
		# a call for several rows that fails is halved again and again, here at most six times
		$twice *= 8 if $s->{batch} && $fails;

		foreach my $call (keys %{ $calls // {} })
		{
			my ($code, $values) = $call =~ /^([^:]+):(.*)$/;
			$values = of_group($total, $values) if $s->{kind} eq 'agg';
			my $of = $s->{code} =~ s/\.e\d//r;

			$complain->("call of other code: $call instead of $of") unless $code eq $of;
			$called{$values} += $calls->{$call};
			$count{calls} += $calls->{$call};
		}
		foreach my $values (uniq keys %$total, keys %called, keys %$processed)
		{
			my $n = $total->{$values} // 0;
			my $ncalls = $called{$values} // 0;
			my $nprocessed = $processed->{$values} // 0;
			my $nkept = 0;
			my %may_have;

			# What each base has goes, one for one, to the rows that are left.  An
			# older one has the results of the newer ones, too.
			foreach my $base (@bases)
			{
				my $has = $base->{results}{$values} or next;

				$may_have{$_} += $has->{$_} foreach keys %$has;
				$nkept = min($n, max($nkept, sum0(values %$has)));
			}
			my $must = $n - $nkept;
			my $new = $nprocessed - $nkept;
			$kept += $nkept;
			$computed += $new;

			my ($a) = $values =~ /^\((\d+),/;
			my $writes = defined $a && $a >= $run->{writes_from} ? $new : 0;
			$complain->("$values: written " . ($written->{$values} // 0) . " times, $new results are new")
			  if ($written->{$values} // 0) != $writes;
			$complain->("$values: $ncalls calls, of $n rows $nkept are kept") if $ncalls > $must * $twice;
			$complain->("$values: $nprocessed rows processed, $nkept kept, $ncalls calls") if $new < 0 || $new > $ncalls;
			if (can_handle($run, $s, $values))
			{
				$complain->("$values: $ncalls calls, $new results") if $new != $ncalls && $twice == 1;
				$complain->("$values: only $ncalls calls, $must are needed")
				  if $ncalls < $must && $report->{action} ne 'failed';
			}
			else
			{
				$complain->("$values: $new results of what fails") if $new > 0;
				$complain->("$values: $ncalls calls of what fails, $must are needed")
				  if $ncalls < $must && $report->{action} ne 'failed';
				$run->{fails} = 1 if $must > 0;
				$run->{passed_over} = 1 if $must > 0;
			}

			# which code computed each: what is new, and no more than there was of the others
			my %has = %{ $results->{$values} // {} };
			$may_have{ $s->{code} } += $new if $new > 0;
			foreach my $code (keys %has)
			{
				$complain->("STALE: $values has $has{$code} results of $code, of " . ($may_have{$code} // 0))
				  if $has{$code} > ($may_have{$code} // 0);
			}
			$complain->("$values: $new results are new, not all of $s->{code}")
			  if $new > 0 && ($has{ $s->{code} } // 0) < $new;
			$complain->("$values: " . sum0(values %has) . " results, not $nprocessed") if sum0(values %has) != $nprocessed;
		}
		$complain->("$report->{kept} rows kept, not $kept") if $report->{kept} != $kept;
		$complain->("$report->{computed} rows computed, not $computed") if $report->{computed} != $computed;
		my $action = $run->{fails} && $s->{on_error} eq 'stop' ? 'failed'
		  : $want->{how} eq 'reuse' ? 'reused'
		  : $want->{how} eq 'adopt' ? 'continued'
		  : $kept ? 'carried over'
		  : 'computed';
		$complain->("action $report->{action}, not $action: $report->{reason}") if $report->{action} ne $action;
		$complain->("it is $report->{state}") if $report->{state} ne ($run->{fails} ? 'partial' : 'final');
		if ($s->{kind} eq 'map' && $report->{action} ne 'failed')
		{
			my $by_earlier = sum0(map { my $has = $results->{$_}; map { $has->{$_} } grep { $_ ne $s->{code} } keys %$has } keys %$results);
			my ($said) = $report->{reason} =~ /(\d+) of them by earlier code/;

			$complain->("$by_earlier rows are by earlier code: $report->{reason}") if ($said // 0) != $by_earlier;
		}
		$cp->{results} = $results;
		$cp->{quarantined} = $report->{quarantined};
		$count{kept} += $kept;
	}

	# bring the model up to date
	$published{ $s->{step} } = $report->{checkpoint} if $s->{kind} eq 'save';
	$cp->{old} = 0;
	($cp->{code}, $cp->{worked}) = ($s->{code} // '', $round) unless $cp->{final};
	if ($want->{how} eq 'new')
	{
		push @checkpoints, $cp;
		$cp->{tables}{output} = $report->{output_table};
		$cp->{tables}{input} = $report->{input_table} if $report->{input_table};
	}
	push @{ $run->{uses} }, $cp->{id};
	if ($report->{state} eq 'final')
	{
		my $new = !$cp->{final};

		if ($new)
		{
			$cp->{final} = 1;
			$cp->{mixed} = (grep { $_ ne $s->{code} } codes($cp)) > 0;
			delete $cp->{tables}{input} if $s->{kind} eq 'map';
			foreach my $other (grep { defined $_->{key} && $_->{key} eq $s->{key} } @checkpoints)
			{
				$other->{key} = undef if !$cp->{mixed} || $other->{mixed} && $other->{group} eq $cp->{group};
			}
			$cp->{key} = $s->{key};
			$cp->{key_parts} = join("\n", $s->{columns_key}, $cp->{code}, $cp->{input});
		}
		finished($run, $s, $cp, $total, $new);
	}
}

#
# Code that is replaced while it runs.  Who computed which row is not told by the
# model then, so what follows from it is looked at here, in jobs of their own: its
# rows serve its own run group only, and there the code that it was finished with,
# one of the two.
#

sub check_replaced
{
	my ($complain) = @_;
	my $old = pick(1, 2);
	my ($as, $table, $kind) = (pick(@roles), pick('s1', 's2'), pick('map', 'gen'));
	my $udf = $kind eq 'map' ? 'f(a, b) AS replaced' : 'unnest(ARRAY[f(a, b)]) AS replaced';
	my $history = '';
	my %others;
	my %counts;			# {group}{code}{of}: results of code that count as of the code

	foreach my $i (0 .. 3)
	{
		my $group = $i == 0 ? 'replaced' : pick('replaced', 'replaced', 'elsewhere');

		$code{f} = $i == 0 ? $old : pick(1, 2);
		my $code = "f$code{f}.h$code{helper}.$code{path}$code{ $code{path} }.$code{helper2}.t$tint.c0";
		my $script = write_function('f');
		$script .= $mutations{ pick('insert', 'double', 'delete', 'update read') }{sql}->($table) if chance(0.5);
		$script .= "SET test.bad = '{}';\nSET test.cache_version = 0;\nSET test.writes_from = ${\ pick(1000, 1000, 3)};\n"
		  . "SET test.step = 'replaced';\nSET checkpoint.batch_rows = ${\ pick(1, 2, 3, 1000)};\nSET checkpoint.commit_interval = ${\ pick(1, 1000)};\n";
		if ($i == 0)
		{
			$code{f} = 3 - $old;
			$script .= "SET test.replace = \$replace\$${\ write_function('f')}\$replace\$;\nSET test.replace_at = ${\ int(rand(8))};\n";
		}
		my $fresh = $i == 0 ? ', fresh => true' : '';
		$script .= "SET ROLE $as;\nSELECT checkpoint.begin_job('$group $count{replaced}'$fresh);\n"
		  . "CALL checkpoint.$kind('r', 'SELECT a, b FROM $table WHERE a IS NOT NULL ORDER BY id', '$udf', workers => ${\ pick(1, 1, 1, 2)});\n"
		  . "SELECT checkpoint.end_job();\nRESET ROLE;\nSET test.replace_at = -1;\nRESET checkpoint.batch_rows;\nRESET checkpoint.commit_interval;\n";
		my ($out, $err) = psql_run($script);
		$history .= $script;
		my ($action, $cp, $output) = split /\|/, sql(q{SELECT action, checkpoint_id, output_table FROM checkpoint.steps
			WHERE step = 'r' ORDER BY job_id DESC LIMIT 1});
		my $differ = sql("SELECT count(*) FROM ((SELECT split_part(replaced, ':', 2) FROM $output EXCEPT ALL
			SELECT ROW(a, b)::text FROM $table WHERE a IS NOT NULL) UNION ALL (SELECT ROW(a, b)::text FROM $table
			WHERE a IS NOT NULL EXCEPT ALL SELECT split_part(replaced, ':', 2) FROM $output)) d");
		my $codes = sql("SELECT string_agg(DISTINCT split_part(replaced, ':', 1), ' ') FROM $output");

		$complain->("replaced: $err\n$history") if $err ne '';
		$complain->("replaced: $action, $differ rows differ\n$history") if $differ != 0;
		if ($i == 0)
		{
			$others{$cp} = $codes;
			foreach my $version (1, 2)
			{
				my $either = $code =~ s/^f\d/f$version/r;

				$counts{replaced}{$either}{$_} = 1 foreach split / /, $codes;
			}
			last if $action ne 'computed';
			next;
		}
		# reused as it is, in its own run group
		next if $action eq 'reused' && $others{$cp} && $group eq 'replaced';
		foreach my $of (grep { $_ ne $code } split / /, $codes)
		{
			$complain->("STALE: replaced: $action, of $of, not $code\n$history") unless $counts{$group}{$code}{$of};
		}
		$counts{$group}{$code}{$_} = 1 foreach split / /, $codes;
	}
	new_calls();
	$count{replaced}++;
}

# drop_old drops checkpoints that are long out of use.  Of very many, a step does not
# look through all.
sub drop_old
{
	my $oldest = max(0, map { $_->{id} } @checkpoints) - 400;
	my @old = grep { my $id = $_->{id}; $id < $oldest && !grep { $_ == $id } values %published } @checkpoints;
	my $ids = join(',', map { $_->{id} } @old) or return;

	sql("DROP TABLE IF EXISTS " . join(', ', map { values %{ $_->{tables} } } @old) . ' CASCADE') if map { values %{ $_->{tables} } } @old;
	sql("DELETE FROM checkpoint.$_ WHERE checkpoint_id IN ($ids)") foreach qw(checkpoint code_version work processed error suspect);
	forget(sub { my $id = $_[0]{id}; return $id < $oldest && !grep { $_ == $id } values %published });
}

#
# The test
#

sql(join('', map { write_function($_) } qw(light dark session helper2 helper f g bf)));
sql(join('', map { $mutations{insert}{sql}->($_) } qw(s1 s2) x 6));
new_calls();

my $failed = 0;
my $again;			# a job that failed is often run again, after a repair
my $role;
my @repairs = ('repair', 'repair', 'f', 'g', 'noise', 'expression', 'cache version', 'double', 'delete', 'undo', 'undo', 'undo',
	('remove what fails') x 4);
for ($round = 1; $round <= $rounds && !$failed; $round++)
{
	my $changes = '';
	my @names;

	my $job = $again // pick(sort keys %jobs);
	$role = pick(@roles) unless $again;

	drop_old() if $round % 100 == 0;

	# what was before the last changes may come back with undo
	my $save = join('', map { "TRUNCATE ${_}_last; INSERT INTO ${_}_last TABLE $_;\n" } 's1', 's2');

	# what one job has just finished is asked for by another, as it is, too
	if (chance($again ? 0.8 : 0.65))
	{
		foreach my $i (1 .. pick(1, 1, 2, 3))
		{
			my $name = pick($again ? @repairs : @mutations);

			push @names, $name;
			$changes .= $mutations{$name}{sql}->($again || chance(0.5) ? $reads{$job} : pick('s1', 's2'));
		}
	}
	my $run = make_run($job, $role, $again);
	delete $run->{resume_from} if $run->{resume_from} && !$known_steps{ $run->{group} }{ $run->{resume_from} };
	my @complaints;
	my $kept_there = '';
	my $script = run_script($run);

	sql((grep { $_ eq 'undo' } @names) ? $changes : $save . $changes) if $changes ne '';
	forget_pruned();
	my ($out, $err) = psql_run($script);
	my $queries = encode_json({ map {
		my $s = $_;
		my $query = $s->{kind} eq 'agg' ? "SELECT a, t, count(*) AS rows FROM ($s->{query}) q GROUP BY a, t" : $s->{query};
		$s->{step} => { query => $query, columns => $s->{columns}, reads => $s->{reads} // ($s->{udf} ? 'a, b' : $s->{columns}),
			makes => $s->{makes} } } @{ $run->{steps} } });
	my $reports = decode_json(sql("SELECT report(max(job_id), \$\$$queries\$\$) FROM checkpoint.jobs"));
	my $calls = new_calls();

	foreach my $s (@{ $run->{steps} })
	{
		my $report = shift @$reports;

		if (!$report)
		{
			push @complaints, "no step $s->{step}" unless $run->{ended};
			last;
		}
		$run->{fails} = 0;
		my $complain = sub {
			push @complaints, "$s->{step}: $_[0]";
			$kept_there = "what the model keeps of $s->{step}: " . join(' ', map {
				"$_->{id}" . ($_->{final} ? ' final' : ' partial') . " [" . show($_->{results}) . ']' } group_checkpoints($run, $s)); };
		check_step($run, $s, $report, $calls->{ $s->{step} }, $complain);
		$known_steps{ $run->{group} }{ $s->{step} } = 1;
		unshift @{ $used{ $run->{group} }{ $s->{step} } }, $report->{checkpoint};
		if ($report->{action} eq 'failed')
		{
			$run->{ended} = 1;
			$count{failed}++;
		}
	}
	my ($error) = $err =~ /^.*?ERROR: +(.*)/m;
	push @complaints, "error: $error" if defined $error && !$run->{ended};
	if ($round % 20 == 0)
	{
		forget_pruned();
		my $kept = sql("SELECT string_agg(checkpoint_id::text, ' ' ORDER BY checkpoint_id) FROM checkpoint.checkpoint WHERE NOT replaced AND step <> 'r'
				AND to_regclass('checkpoint_data.' || quote_ident(output_table)) IS NOT NULL
				AND (input_table IS NULL OR to_regclass('checkpoint_data.' || quote_ident(input_table)) IS NOT NULL)");
		my $want = join(' ', sort { $a <=> $b } map { $_->{id} } grep { !expired($_) && !%{ $_->{lost} } } @checkpoints);
		my %expired = map { $_->{id} => 1 } grep { expired($_) } @checkpoints;

		# what has expired or lost a table goes when a job ends, some at a time
		$kept = join(' ', grep { !$expired{$_} } split(' ', $kept));

		push @complaints, "what is kept is\n$kept\nnot\n$want" if $kept ne $want;
	}
	$again = ($run->{ended} || $run->{passed_over}) && chance(0.7) ? $run->{job} : undef;
	check_replaced(sub { push @complaints, $_[0] }) if chance(0.08);
	if (@complaints)
	{
		fail("round $round");
		diag(join("\n", "after " . join(', ', @names), @complaints, $kept_there, sql(q{SELECT string_agg(format('%s of %s %s: %s%s%s, from %s',
			checkpoint_id, job_name, step, state, CASE WHEN replaced THEN ', replaced' END, CASE WHEN fresh THEN ', fresh' END,
			carried_from), E'\n' ORDER BY checkpoint_id) FROM checkpoint.checkpoint}), $changes, $script, $err));
		$failed = 1;
	}
	elsif ($round % 100 == 0)
	{
		pass("nothing stale, no call too many until round $round");
	}
}
is($round - 1, $rounds, 'all rounds are done') unless $failed;
is(sql(slurp_file(dirname(__FILE__) . '/../records.sql') . 'SELECT wrong_records()'), '', 'what is on record describes the rows');
diag(join(', ', map { "$_ $count{$_}" } sort keys %count));

$stdin .= "\\q\n";
$psql->finish;
$node->stop;
done_testing();
