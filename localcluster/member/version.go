package member

import (
	"runtime/debug"
	"time"
)

// compatible is the ZooKeeper release whose protocols, files and texts this
// server has. docs/compatibility.md lists where it behaves like a later release, or like
// none. The version text begins with it because clients and monitors take its first
// digits for the release (kazoo's server_version does), and do not know zkctl's versions.
const compatible = "3.8.0"

// VersionText is what `srvr` and `stat` print behind "Zookeeper version:", and
// `mntr` and `envi` as zk_version and zookeeper.version, in
// ZooKeeper's form: RELEASE-REVISION, built on DATE UTC. Empty arguments are
// filled in from the build information of the binary.
func VersionText(version, built string) string {
	if version == "" || built == "" {
		v, b := buildInfo()
		if version == "" {
			version = v
		}
		if built == "" {
			built = b
		}
	}
	return compatible + "-zkctl-" + version + ", built on " + built + " UTC"
}

// buildInfo reads what the Go toolchain recorded: a commit and its time. A
// binary built without version control has neither.
func buildInfo() (version, built string) {
	version, built = "devel", "1970-01-01 00:00"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, built
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			version = s.Value[:min(12, len(s.Value))]
		case "vcs.time":
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				built = t.UTC().Format("2006-01-02 15:04")
			}
		}
	}
	return version, built
}
