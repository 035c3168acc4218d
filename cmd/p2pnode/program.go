package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"
)

// program is one run of the command.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	app            *cli.App
	given          invocation
	settings       settings
	signals        *signals
	scratch        scratch
	level          slog.LevelVar // of the log
}

func newProgram(stdin io.Reader, stdout, stderr io.Writer) *program {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr}
	p.app = p.newApp()
	return p
}

// run executes one command line and returns the exit status.
func (p *program) run(argv []string) int {
	defer p.scratch.clear()
	given, err := arrange(p.app, argv)
	p.given = given
	if err != nil {
		return p.report(err)
	}
	ctx, signals := watchSignals(context.Background(), p.scratch.clear)
	defer signals.stop()
	p.signals = signals
	return p.report(p.app.RunContext(ctx, given.args))
}

// newApp declares the commands. urfave/cli renders their help and types their
// flags; the order of arguments, the environment and errors are ours.
func (p *program) newApp() *cli.App {
	commands := []*cli.Command{
		p.serveCommand(), p.encryptCommand(), p.decryptCommand(), p.capacityCommand(), p.batchCommand(), p.watchCommand(),
		p.demoCommand(), p.stressCommand(), p.statusCommand(), p.peersCommand(), p.jobsCommand(), p.eventsCommand(),
		p.leaderCommand(), p.faultCommand(), p.reloadCommand(), p.discoverCommand(), p.doctorCommand(), p.tokenCommand(),
		p.completionCommand(), p.manCommand(), p.versionCommand(),
	}
	commands = append(commands, p.configCommand(everyFlag(commands)))
	app := &cli.App{
		Name:            "p2pnode",
		Usage:           "hide text in images with a cluster of peers that elects its own leader",
		Writer:          p.stdout,
		ErrWriter:       p.stderr,
		Commands:        commands,
		Description:     "Every flag has an environment variable P2PNODE_<FLAG> and a key in the TOML file;\nflag > environment > file > default.\n\nExit codes:" + exitSummary(),
		HideVersion:     true,
		HideHelpCommand: true,
		OnUsageError:    onUsageError,
		CommandNotFound: func(*cli.Context, string) {}, // arrange has answered that
		ExitErrHandler:  func(*cli.Context, error) {},  // report does that
		Action:          func(c *cli.Context) error { return noCommand(c) },
	}
	for _, c := range app.Commands {
		finish(c)
	}
	return app
}

// finish sets what every command shares.
func finish(c *cli.Command) {
	c.HideHelpCommand = true
	c.OnUsageError = onUsageError
	for _, sub := range c.Subcommands {
		finish(sub)
	}
}

func onUsageError(_ *cli.Context, err error, _ bool) error {
	return usagef("%v", err)
}

// noCommand prints the help to stderr: without a command nothing was asked.
func noCommand(c *cli.Context) error {
	c.App.Writer = c.App.ErrWriter
	if err := cli.ShowAppHelp(c); err != nil {
		return err
	}
	return usagef("no command given").next("p2pnode help")
}

// action applies the settings and then does what a command does.
func (p *program) action(do func(context.Context, *cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		settings, err := loadSettings(everyFlag(p.app.Commands), c, p.given, os.LookupEnv)
		if err != nil {
			return err
		}
		p.settings = settings
		p.given.json = p.given.json || c.Bool("json") // of the environment or the file
		return do(c.Context, c)
	}
}
