#!/bin/sh
# The first process of the VM. LAB is the test binary; from the second serial port come lines of a number
# and the name of a test, back go the number, the exit code and what the test printed.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir /run/answers
while read -r module; do
    insmod "/modules/$module" || echo "insmod $module failed"
done </modules/order
ip link set lo up

answer() {
    timeout 80 "$LAB" --exact "$2" --nocapture >"/run/answers/$1" 2>&1 3>&-
    status=$?
    (
        flock 4
        echo "ANSWER $1 $status $(wc -c <"/run/answers/$1")"
        cat "/run/answers/$1"
    ) >&3 4>/run/port
}

exec 3<>/dev/ttyS1
stty raw -echo <&3
echo READY >&3
while read -r number test <&3; do
    answer "$number" "$test" &
done
poweroff -f
