# Whether steps are stored or inlined makes no difference to any result.
#
# Each round makes up a job of five steps, at random, each of which reads tables and
# steps before it, and publishes the rows of all.  The job is run under each value
# of checkpoint.materialize, with hints at random, anew or with what was kept; the
# rows that it publishes must be those of the first run.  Then the tables or a
# function change, and it is run again: with what is kept, under a setting at
# random, the rows must be those that a fresh run computes.
#
#	SEED=n		choices of the run; the same each time, if it is not given
#	ROUNDS=n	how many jobs

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // 17;
my $rounds = $ENV{ROUNDS} // 12;
srand($seed);
diag("SEED=$seed ROUNDS=$rounds");

sub pick { return $_[ int(rand(@_)) ]; }
sub chance { return rand() < $_[0]; }

my @settings = qw(default_on default_off always never);

my $node = PostgreSQL::Test::Cluster->new('inlining');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = warning\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE TABLE s1 AS SELECT g % 7 AS k, g AS v, 'one ' || g % 5 AS t FROM generate_series(1, 30) g;
CREATE TABLE s2 AS SELECT g % 9 AS k, -g AS v, 'two' AS t FROM generate_series(1, 20) g;
CREATE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN v + 1; END $$;
CREATE FUNCTION two(v int, OUT a int, OUT b text) LANGUAGE plpgsql AS $$
BEGIN a := v % 10; b := 'two of ' || v; END $$;
CREATE FUNCTION g(k int, v int) RETURNS TABLE (a int, b int) LANGUAGE sql AS
'SELECT i, $2 FROM generate_series(1, $1 % 3) i';
});

# A query over what there is so far, with the columns k, v and t.
sub make_query
{
	my @names = @_;
	my $from = pick(@names);
	my $and = pick(@names);
	my $n = 1 + int(rand(5));

	return pick(
		"SELECT k, v + $n AS v, t FROM $from WHERE v % $n = 0",
		"SELECT k, v, t FROM $from ORDER BY k, v, t LIMIT 1$n",
		"SELECT k, sum(v)::int AS v, max(t) AS t FROM $from GROUP BY k",
		"SELECT k, v, t FROM $from UNION SELECT k, v * $n, t FROM $and",
		"SELECT k, v, t FROM $from EXCEPT ALL SELECT k, v, t FROM $and",
		"SELECT x.k, x.v + y.n AS v, x.t FROM $from x JOIN (SELECT k, count(*)::int AS n FROM $and GROUP BY k) y USING (k)",
		"SELECT x.k, x.v, COALESCE(y.t, 'none') AS t FROM $from x LEFT JOIN (SELECT k, max(t) AS t FROM $and WHERE v > $n GROUP BY k) y ON y.k = x.k",
		"SELECT k, rank() OVER (PARTITION BY t ORDER BY k, v)::int AS v, t FROM $from",
		"WITH c AS (SELECT k, v, t FROM $from), $and AS (SELECT k FROM c) SELECT k, v, t FROM c WHERE k IN (SELECT k FROM $and WHERE k > $n)",
		"SELECT k, (SELECT count(*) FROM $and a WHERE a.v > x.v)::int AS v, t FROM $from x",
		# has it stored, if it is a step
		$from =~ /^s\d$/ ? "TABLE $from" : "SELECT k, v, t FROM $from WHERE sys__id > 0");
}

# The calls of a job's steps, but for the hints.
sub make_steps
{
	my @names = qw(s1 s2);
	my @steps;

	for my $i (1 .. 5)
	{
		my $query = make_query(@names);
		my $kind = pick(qw(query query map gen));
		my $udf = $kind eq 'map' ? pick('f(v) AS w', 'two(v)', 'v + 1 AS w, f(k) AS x', 'CASE WHEN v > 3 THEN f(v) END AS w') :
		  'g(k, v)';
		my $more = chance(0.2) ? ", cache_version => '1'" : '';

		# a gen has other columns
		$more .= ", keep => 'k, v, t'" if $kind eq 'gen';
		push @steps, {name => "step$i", call => $kind eq 'query' ?
			  "CALL checkpoint.query('step$i', \$q\$$query\$q\$$more" :
			  "CALL checkpoint.$kind('step$i', \$q\$$query\$q\$, \$q\$$udf\$q\$$more"};
		push @names, "step$i";
	}
	return \@steps;
}

# Runs a job and returns what it publishes.
sub run_job
{
	my ($round, $steps, $setting, $fresh) = @_;
	my $sql = "SET checkpoint.materialize = $setting; SET client_min_messages = error;\n"
	  . "SELECT checkpoint.begin_job('job $round', fresh => $fresh) \\g /dev/null\n";

	$sql .= "$_->{call}, materialized => " . pick(qw(true false NULL)) . ");\n" for @$steps;
	$sql .= "CALL checkpoint.save('public.p_$_->{name}', 'SELECT * FROM $_->{name}');\n" for @$steps;
	$sql .= "SELECT checkpoint.end_job() \\g /dev/null\n";
	$sql .= "SELECT '$_->{name}', checkpoint.content_hash(p), count(*) FROM public.p_$_->{name} p;\n" for @$steps;
	my ($rc, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1);
	diag("$sql$err") if $rc != 0;
	return $rc == 0 ? $out : "failed: $err";
}

sub show
{
	my ($steps) = @_;
	return join("\n", map { "$_->{call})" } @$steps);
}

my %actions;

for my $round (1 .. $rounds)
{
	my $steps = make_steps();
	my $first;
	my $same = 1;

	$node->safe_psql('postgres', 'DROP VIEW IF EXISTS ' . join(', ', map { "p_step$_" } 1 .. 5));
	for my $setting (sort { rand() <=> 0.5 } @settings)
	{
		my $rows = run_job($round, $steps, $setting, $first && chance(0.5) ? 'false' : 'true');

		$first //= $rows;
		next if $rows eq $first && $rows !~ /failed/;
		$same = 0;
		diag("$setting:\n$rows\nnot\n$first\n" . show($steps));
	}
	ok($same, "round $round: results are the same under each setting");

	my $change = pick(
		'UPDATE s1 SET v = v + 1 WHERE k = 3',
		'INSERT INTO s2 SELECT k, v + 100, t FROM s1 LIMIT 3',
		'DELETE FROM s1 WHERE v = (SELECT max(v) FROM s1)',
		"CREATE OR REPLACE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN RETURN v + $round; END \$\$",
		'UPDATE s1 SET t = t');
	$node->safe_psql('postgres', $change);
	my $kept = run_job($round, $steps, my $setting = pick(@settings), 'false');
	my $fresh = run_job($round, $steps, pick(@settings), 'true');
	is($kept, $fresh, "round $round: $change: the same with what is kept") or diag("$setting\n" . show($steps));
}

# all that is to be tested did happen
my $actions = $node->safe_psql('postgres', 'SELECT string_agg(DISTINCT action, \' \' ORDER BY action) FROM checkpoint.steps');
like($actions, qr/computed inlined reused/, 'steps were computed, inlined and reused');

done_testing();
