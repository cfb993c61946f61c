// Command logind is the part of systemd-logind that a kubelet needs for graceful node shutdown: it hands
// out delay locks and, on SIGUSR1, announces that the machine is about to power off, which is what
// the notice before a spot VM is taken away looks like to the kubelet. SIGUSR2 takes the announcement back.
//
// usage: logind ADDRESS-OF-A-DBUS   (it prints "ready" once it serves)
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const (
	name      = "org.freedesktop.login1"
	manager   = "org.freedesktop.login1.Manager"
	path      = dbus.ObjectPath("/org/freedesktop/login1")
	longDelay = 60 * time.Second
)

type login struct{}

// Inhibit returns one end of a pipe; the kubelet closes it when its pods are gone. Nothing here waits for
// that: the caller decides when the machine ends.
func (login) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	// The reply carries a copy of the descriptor; ours must outlive its sending.
	time.AfterFunc(time.Second, func() { _ = syscall.Close(ends[1]) })
	return dbus.UnixFD(ends[1]), nil
}

func run(address string) error {
	bus, err := dbus.Connect(address)
	if err != nil {
		return err
	}
	if err := bus.Export(login{}, path, manager); err != nil {
		return err
	}
	delay := prop.Map{manager: {"InhibitDelayMaxUSec": {Value: uint64(longDelay.Microseconds()), Emit: prop.EmitFalse}}}
	if _, err := prop.Export(bus, path, delay); err != nil {
		return err
	}
	if reply, err := bus.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		return fmt.Errorf("cannot own %s: %v (reply %d)", name, err, reply)
	}
	fmt.Println("ready")
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	for received := range signals {
		if err := bus.Emit(path, manager+".PrepareForShutdown", received == syscall.SIGUSR1); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: logind ADDRESS-OF-A-DBUS")
		os.Exit(64)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "logind:", err)
		os.Exit(1)
	}
}
