# Every example of the manual works and says what the manual shows, and the reference
# names every object, column, argument, setting and error.
#
# Fenced blocks of README.md and doc/*.md are taken in order, each document in a database
# of its own.  A block "sql" is run by a psql of its own, which stops at the first error; a
# block without a language that comes right behind it is what psql prints.  Where nothing
# follows, the block must not fail.  Comments of Markdown, which readers do not see, say
# what a block is apart from that:
#
#	<!-- setup SQL -->			run before what follows
#	<!-- file NAME -->			the next block is not run, but kept under this name
#	<!-- output of NAME -->		the next block is what psql says when it runs NAME, apart
#								from the results of queries
#	<!-- from PATH -->			the next block stands in this file, which test/clients/run
#								runs
#	<!-- not run: REASON -->	the next block is for the reader alone

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('manual');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', "checkpoint.progress_interval = 0\nmax_worker_processes = 16\n");
$node->start;

my $databases = 0;
try_document($_) foreach 'README.md', sort glob('doc/*.md');
reference_is_complete();
$node->stop;
done_testing();

# try_document runs the examples of one document.
sub try_document
{
	my ($path) = @_;
	my $db = 'manual' . $databases++;
	my (%files, $tried, $last);

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	foreach my $part (parts(slurp_file($path)))
	{
		my ($place, $what, $text, %says) = ("$path, line $part->{line}", $part->{language}, $part->{text}, %{ $part->{says} });
		my $shown = $last;

		undef $last;
		if ($what eq 'setup')
		{
			my ($status, $output) = psql($db, $text);
			is($status, 0, "$place: setup") or diag($output);
		}
		elsif (exists $says{'not run:'})
		{
			like($says{'not run:'}, qr/\w/, "$place: the reason why it is not run");
		}
		elsif ($says{from})
		{
			ok(-e $says{from} && index(slurp_file($says{from}), $text) >= 0, "$place: stands in $says{from}");
		}
		elsif ($says{file})
		{
			$files{ $says{file} } = $text;
		}
		elsif ($says{'output of'})
		{
			my (undef, $messages) = psql($db, $files{ $says{'output of'} }, 'messages');
			same($messages, $text, $place);
			$tried++;
		}
		elsif ($what eq 'sql')
		{
			my ($status, $output) = psql($db, $text);
			$last = { status => $status, output => $output, place => $place };
			$tried++;
		}
		elsif ($what eq '' && $shown && $part->{follows})
		{
			same($shown->{output}, $text, $place);
			undef $shown;
		}
		else
		{
			is($what, '', "$place: a block in this language is run, or says why it is not");
			unlike($text, qr/^(ERROR|NOTICE|WARNING):|^\(\d+ rows?\)/m, "$place: what psql prints is compared");
		}
		succeeded($shown);
	}
	succeeded($last);
	note("$path: " . ($tried // 0) . " blocks run");
}

# succeeded tests that a block which shows no output has not failed.
sub succeeded
{
	my ($run) = @_;

	is($run->{status}, 0, "$run->{place}: works") or diag($run->{output}) if $run;
}

# parts splits a document into its setups and fenced blocks, each with what comments
# before it say.
sub parts
{
	my ($document) = @_;
	my (@parts, %says);
	my $line = 1;
	my $follows = 0;			# is there nothing but empty lines since the last block?

	while ($document =~ /\G(?:<!-- (?<says>.*?) *-->|```(?<language>\w*)\n(?<block>.*?)^```$|(?<other>.*?))(?:\n|\z)/gsm)
	{
		my $all = $&;

		last if $all eq '';
		if (defined $+{says})
		{
			my $says = $+{says};
			if ($says =~ s/^setup\s//)
			{
				push @parts, { line => $line, language => 'setup', text => $says, says => {}, follows => 0 };
			}
			elsif ($says =~ /^(file|output of|from|not run:)\s+(.*)/s)
			{
				$says{$1} = $2;
			}
		}
		elsif (defined $+{block})
		{
			push @parts, { line => $line, language => $+{language}, text => $+{block}, says => {%says}, follows => $follows };
			%says = ();
			$follows = 1;
		}
		elsif ($+{other} ne '')
		{
			$follows = 0;
		}
		$line += ($all =~ tr/\n//);
	}
	return @parts;
}

# psql runs a script as a user would, and returns the status and what was printed: all of
# it, or the messages alone.
sub psql
{
	my ($db, $script, $messages_alone) = @_;
	my ($results, $printed);
	my @command = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db));
	my @kept = $messages_alone ? ('>', \$results, '2>', \$printed) : ('>&', \$printed);

	IPC::Run::run(\@command, '<', \$script, @kept);
	return ($? >> 8, $printed);
}

# same compares what was printed with what is shown, without spaces at the ends of lines.
sub same
{
	my ($printed, $shown, $place) = @_;

	foreach ($printed, $shown)
	{
		s/[ \t]+$//mg;
		s/\n+\z//;
	}
	is($printed, $shown, "$place: what is shown is what is printed");
}

# reference_is_complete tests that doc/reference.md names all that the extension has.
sub reference_is_complete
{
	my $reference = slurp_file('doc/reference.md');
	my ($settings) = $reference =~ /^## Settings\n(.*?)^## /ms;
	my ($errors) = $reference =~ /^## Errors\n(.*)/ms;
	my @missing;

	$node->safe_psql('postgres', 'CREATE EXTENSION checkpoint');
	foreach (rows(q{
SELECT proname, coalesce(array_to_string(proargnames, ' '), '') FROM pg_proc
WHERE pronamespace = 'checkpoint'::regnamespace AND proname !~ '^_'}))
	{
		my ($function, $arguments) = @$_;
		push @missing, "$function()" unless $reference =~ /\b$function\(/;
		push @missing, map { "$_ of $function()" } grep { $reference !~ /\b$_\b/ } split / /, $arguments;
	}
	foreach (rows(q{
SELECT relname, string_agg(attname, ' ') FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = 'checkpoint'::regnamespace AND relkind = 'v' AND relname !~ '^_' AND attnum > 0 GROUP BY 1}))
	{
		my ($view, $columns) = @$_;
		my ($section) = $reference =~ /^((?:\| `$view` \||View `$view\().*?)\n\n/ms;
		push @missing, "view $view" unless $section;
		push @missing, map { "$_ of view $view" } grep { ($section // '') !~ /\b$_\b/ } split / /, $columns;
	}
	foreach (rows(q{SELECT name, 0 FROM pg_settings WHERE name LIKE 'checkpoint.%' AND name !~ 'stop_(at|by)$'}))
	{
		push @missing, $_->[0] unless $settings =~ /^\| `\Q$_->[0]\E` \|/m;
	}
	is(join(', ', @missing), '', 'the reference names every function, argument, view, column and setting');

	# those that users do not meet: of workers, and of what is not for them
	my %internal = map { $_ => 1 } qw(admin_shutdown e_r_i_e_trigger_protocol_violated system_error
	  insufficient_resources invalid_binary_representation t_r_deadlock_detected to_category);
	my %used = map { lc($_) => 1 } map { slurp_file($_) =~ /\bERRCODE_(\w+)/g } glob('src/*.c');
	is(join(', ', grep { !$internal{$_} && $errors !~ /`$_`/ } sort keys %used), '',
		'the reference names every error');
}

# rows returns the rows of a query in a session that has loaded the extension.
sub rows
{
	my ($query) = @_;

	return map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql('postgres', "LOAD 'checkpoint'; $query");
}
