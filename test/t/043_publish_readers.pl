# publish => 'end' under readers: twenty of them, who join three views and a table in all
# orders, while these are published together 200 times.  No reader meets an error, none
# sees two versions, and none waits for a publication that waits.
#
#	PUBLICATIONS=n	how many

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publications = $ENV{PUBLICATIONS} // 200;

my $node = PostgreSQL::Test::Cluster->new('readers');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nmax_connections = 60\nclient_min_messages = warning\n"
	. "jit = off\nmax_parallel_workers_per_gather = 0\nlog_statement = none\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE TABLE version (v int);
INSERT INTO version VALUES (0);
});

# one publication of all four targets
my $publish = q{
UPDATE version SET v = v + 1;
SELECT checkpoint.begin_job('readers', publish => 'end');
CALL checkpoint.save('public.a', 'SELECT v FROM version');
CALL checkpoint.save('public.b', 'SELECT v FROM version');
CALL checkpoint.save('public.c', 'SELECT v FROM version');
CALL checkpoint.save('public.t', 'SELECT v FROM version', as_table => true);
SELECT checkpoint.end_job();
};
$node->safe_psql('postgres', $publish);

# Readers: two versions in one statement are a division by zero.
my @scripts;
foreach my $order ([qw(a b c t)], [qw(a t c b)], [qw(b a t c)], [qw(b c a t)], [qw(t c a b)], [qw(c b t a)])
{
	my $script = $node->basedir . '/' . join('', @$order) . '.sql';

	append_to_file($script, "\\sleep 5 ms\n" . 'SELECT 1 / (count(*) = 1 AND bool_and(a.v = b.v AND b.v = c.v AND c.v = t.v))::int FROM '
		. join(', ', @$order) . ";\n");
	push @scripts, '-f', $script;
}

my $longest = 0;
my $reads = 0;

# Runs the readers for a while; their errors are the test's.
sub read_on
{
	my $prefix = $node->basedir . '/log';
	my ($out, $err);
	my $ok = IPC::Run::run([ 'pgbench', '-n', '-c', 20, '-j', 2, '-t', 100, '--log', "--log-prefix=$prefix",
			@scripts, $node->connstr('postgres') ], '>', \$out, '2>', \$err);

	foreach my $log (glob "$prefix.*")
	{
		foreach my $line (split /\n/, slurp_file($log))
		{
			my $ms = (split / /, $line)[2] / 1000;

			$reads++;
			$longest = $ms if $ms > $longest;
		}
		unlink $log;
	}
	return $ok && $err !~ /ERROR|aborted/ ? '' : "$out$err";
}

# how long a read takes on this machine when nothing is published
my $errors = read_on();
my $alone = $longest;

my ($out, $err) = ('', '');
my $file = $node->basedir . '/publish.sql';
append_to_file($file, $publish x $publications);
my $publisher = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $file, $node->connstr('postgres') ],
	'>', \$out, '2>', \$err);
$longest = 0;
$reads = 0;
while ($publisher->pumpable && $errors eq '')
{
	$errors = read_on();
	$publisher->pump_nb;
}
$publisher->finish;

is($errors, '', 'no reader met an error, or saw two versions');
is($err, '', 'no publication failed');
is($node->safe_psql('postgres', 'SELECT count(*), max(v) FROM a JOIN b USING (v) JOIN c USING (v) JOIN t USING (v)'),
	'1|' . ($publications + 1), 'the last version is shown');
is($node->safe_psql('postgres', q{SELECT count(*) FROM checkpoint.jobs WHERE status = 'complete'}),
	$publications + 1, 'all jobs are complete');
diag(sprintf('%d reads, the longest of %.0f ms; %.0f ms when nothing is published', $reads, $longest, $alone));
# Publications wait for readers for a minute; a machine may stand still for some seconds.
cmp_ok($longest, '<', 10_000 + $alone, 'no read waits for a publication');
unlike(slurp_file($node->logfile), qr/exited with exit code/, 'tries that failed leave no trace in the log');

$node->stop;
done_testing();
