// Package peers finds what tests need and zkctl does not: Java and Apache
// ZooKeeper, the clients that people use, the right to mount a disk. Only tests
// import it.
//
// Where something is missing, a test is skipped on a user's machine, and fails
// where ZKCTL_REQUIRE_PEERS=1 says that everything has to be there, as in CI.
package peers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Required reports whether a missing peer is a failure.
func Required() bool { return os.Getenv("ZKCTL_REQUIRE_PEERS") == "1" }

// Need ends the test when err says that what it needs is missing.
func Need(t testing.TB, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case Required():
		t.Fatalf("ZKCTL_REQUIRE_PEERS=1, and %s is missing: %v", what, err)
	default:
		t.Skipf("%s is missing: %v", what, err)
	}
}

// File needs a file, and returns its path.
func File(t testing.TB, what, path string) string {
	t.Helper()
	_, err := os.Stat(path)
	Need(t, what, err)
	return path
}

// Java is a command that runs a class of Apache ZooKeeper, with the JVM's
// options in front of it: that of the release at ZOOKEEPER_HOME, else Debian's.
func Java(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("java")
	Need(t, "java", err)
	var classpath string
	if home := os.Getenv("ZOOKEEPER_HOME"); home != "" {
		lib := filepath.Join(home, "lib")
		File(t, "a release of ZooKeeper at ZOOKEEPER_HOME", lib)
		classpath = filepath.Join(home, "*") + string(os.PathListSeparator) + filepath.Join(lib, "*")
	} else {
		// Debian's zookeeper.jar names its dependencies in its manifest, but no
		// logger, and not what the command-line tools use.
		classpath = File(t, "Debian's libzookeeper-java", "/usr/share/java/zookeeper.jar")
		for _, jar := range []string{"slf4j-simple.jar", "commons-cli.jar"} {
			classpath += string(os.PathListSeparator) + "/usr/share/java/" + jar
		}
	}
	return exec.CommandContext(ctx, program, append([]string{"-cp", classpath}, args...)...)
}
