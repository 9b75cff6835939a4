package commands

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"github.com/urfave/cli/v2"

	"zkctl/localcluster"
)

// ensembleVerbs are the commands of a local ensemble's life; faultVerbs break and mend it.
func (p *program) ensembleVerbs() []*cli.Command {
	p.completeFlag("name", p.ensembleNames)
	return []*cli.Command{
		newUpCommand(p), newDownCommand(p), newLsCommand(p), newStatusCommand(p), newWaitCommand(p),
		newEnvCommand(p), newExecCommand(p), newLogsCommand(p), newEventsCommand(p), newServeCommand(p),
		newSuperviseCommand(p), newGuardCommand(p),
	}
}

func (p *program) faultVerbs() []*cli.Command {
	return append(newProcessCommands(p), newPartitionCommand(p), newSlowCommand(p), newResetCommand(p), newRefuseCommand(p), newElectCommand(p), newExpireCommand(p), newDiskCommand(p), newClockCommand(p), newFaultsCommand(p), newHealCommand(p))
}

// pick finds out which ensemble is meant, whether it exists or not.
func (p *program) pick() (localcluster.Home, string, error) {
	home, err := localcluster.FindHome(p.getenv)
	if err != nil {
		return "", "", err
	}
	name := p.name
	if name == "" {
		name = p.getenv("ZKCTL_NAME") // readGlobals does not run for a completion
	}
	name, err = home.Pick(name)
	return home, name, err
}

// folder is the directory of the ensemble that is meant. It is an error if there is none.
func (p *program) folder() (localcluster.Folder, *localcluster.Spec, error) {
	home, name, err := p.pick()
	if err != nil {
		return "", nil, err
	}
	folder := home.Folder(name)
	spec, err := localcluster.LoadSpec(folder)
	return folder, spec, err
}

// dial reaches the supervisor of the ensemble that is meant.
func (p *program) dial() (*localcluster.Client, error) {
	home, name, err := p.pick()
	if err != nil {
		return nil, err
	}
	return localcluster.Dial(home.Folder(name))
}

// programName is what this program is called when it starts itself again.
func programName() string { return filepath.Base(os.Args[0]) }

// ensembleNames completes --name.
func (p *program) ensembleNames(context.Context) []string {
	home, err := localcluster.FindHome(p.getenv)
	if err != nil {
		return nil
	}
	names, err := home.Names()
	if err != nil {
		return nil
	}
	return names
}

// sizeNames are the selectors that choose a number of voters.
var sizeNames = []string{"one", "minority", "majority", "all", "random:2"}

// memberNames completes a selector: the roles and sizes, and the ids of the ensemble that is meant.
func (p *program) memberNames(context.Context) []string {
	words := append([]string{"leader", "follower", "followers", "observer", "observers"}, sizeNames...)
	_, spec, err := p.folder()
	if err != nil {
		return words
	}
	for _, m := range spec.Members {
		words = append(words, strconv.FormatInt(m.ID, 10))
	}
	return words
}

func dryRunFlag(into *bool) cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Usage: "print what would be done, and do nothing", Destination: into}
}
