# The packages on a fresh machine: installed, edited, upgraded, removed, purged. Each line that
# begins with "test" is one claim; the last one counts them.
subject=package
. ./claims.sh
evidence() { journalctl --no-pager --quiet --unit tcpwarden | tail -5; }
pid() { systemctl show --property=MainPID --value tcpwarden; }
is() { [ "$(systemctl show --property="$1" --value tcpwarden)" = "$2" ]; }
config=/etc/tcpwarden/tcpwarden.toml
socket=/run/tcpwarden/tcpwarden.sock

answers() { tcpwarden leaks >/dev/null; }
in_group() {
    id=$(getent group tcpwarden | cut -d: -f3) || return 1
    grep -q "^Groups:.*\b$id\b" "/proc/$(pid)/status"
}
variable() { tr '\0' '\n' <"/proc/$(pid)/environ" | grep -qx "$1"; }
lists() {
    for file; do
        dpkg -L tcpwarden | grep -qx "$file" || return 1
    done
}
restarts() { systemctl restart tcpwarden; }

install() {
    claim installs dpkg -i old.deb
    claim is_enabled systemctl is-enabled tcpwarden
    claim is_active_when_dpkg_ends systemctl is-active tcpwarden
    claim was_ready_when_dpkg_ended answers
    claim waits_for_ready is Type notify
    claim has_the_watchdog is WatchdogUSec 2min
    claim says_its_version sh -c 'tcpwarden --version | grep -q "^commit: "'
    claim sees_everything tcpwarden check
    claim has_its_group getent group tcpwarden
    claim is_in_its_group in_group
    claim has_its_manual_and_completions lists /usr/share/man/man1/tcpwarden-leaks.1.gz \
        /usr/share/bash-completion/completions/tcpwarden \
        /usr/share/zsh/vendor-completions/_tcpwarden \
        /usr/share/fish/vendor_completions.d/tcpwarden.fish
}

# A leak in a unit of its own: the agent names the unit.
accuses() { tcpwarden leaks | grep close_wait | grep -F " in $1 "; }
leak() {
    claim a_leak_starts systemd-run --quiet --unit=orders-api perl /payload/leak.pl
    claim names_the_unit_of_the_leak within 90 accuses orders-api.service
    claim fails_on_the_leak ends_with 8 tcpwarden leaks --fail-on possible
    systemctl stop orders-api
    claim no_leak_is_left_with_the_unit within 30 not accuses orders-api.service
}

ends_with() {
    wanted=$1
    shift
    "$@"
    [ $? -eq "$wanted" ]
}

# The program is static: it may not load the modules of this machine's C library.
names() {
    cp /etc/nsswitch.conf /tmp/nsswitch.conf
    sed -i 's/^hosts:.*/hosts: myhostname files dns/; s/^group:.*/group: systemd files/' \
        /etc/nsswitch.conf
    # A name that the module `myhostname` alone would answer, with 127.0.0.1.
    claim looks_up_a_host_without_modules sh -c '
        tcpwarden leaks --agent http://x.localhost:1 2>&1 | grep -q "failed to lookup address"'
    claim looks_up_a_group_without_modules ends_with 2 \
        tcpwarden run --listen unix:/tmp/no.sock --socket-group no-such-group
    cp /tmp/nsswitch.conf /etc/nsswitch.conf
}

edit() {
    printf 'listen = "unix:%s"\nsocket-group = "tcpwarden"\n' "$socket" >>$config
    echo TCPWARDEN_MAX_SERIES=99 >>/etc/default/tcpwarden
    cp $config /tmp/edited
    claim takes_the_edited_file restarts
    claim has_the_socket_file sh -c "stat -c '%a %G' $socket | grep -x '660 tcpwarden'"
    claim has_the_variables variable TCPWARDEN_MAX_SERIES=99
    useradd --groups tcpwarden member
    useradd other
    claim answers_a_member runuser -u member -- tcpwarden leaks --agent "unix:$socket"
    claim refuses_others not runuser -u other -- tcpwarden leaks --agent "unix:$socket"
}

upgrade() {
    before=$(pid)
    claim upgrades dpkg --force-confold -i new.deb
    claim keeps_what_was_edited cmp /tmp/edited $config
    claim shows_the_new_default test -e $config.dpkg-dist
    claim was_restarted not test "$(pid)" = "$before"
    claim has_written_the_history_of_the_page test -s /var/lib/tcpwarden/history.json
    claim is_active_after_the_upgrade systemctl is-active tcpwarden
    claim keeps_the_variables grep -qx TCPWARDEN_MAX_SERIES=99 /etc/default/tcpwarden
    systemctl disable --now tcpwarden
    claim is_installed_again dpkg --force-confold -i new.deb
    claim stays_disabled not systemctl is-enabled tcpwarden
    claim stays_stopped not systemctl is-active tcpwarden
    systemctl mask tcpwarden
    claim is_installed_while_it_is_masked dpkg --force-confold -i new.deb
    claim stays_masked not systemctl is-active tcpwarden
    systemctl unmask tcpwarden
    systemctl enable tcpwarden
    claim starts_again systemctl restart tcpwarden
}

was_started_anew() { [ "$(systemctl show --property=NRestarts --value tcpwarden)" -ge 1 ]; }
watchdog() {
    settings=/run/systemd/system/tcpwarden.service.d
    mkdir -p $settings
    printf '[Service]\nWatchdogSec=10\nRestartSec=1\n' >$settings/short.conf
    systemctl daemon-reload
    claim runs_with_a_short_watchdog restarts
    before=$(pid)
    sleep 25
    claim is_alive_for_longer_than_the_watchdog test "$(pid)" = "$before"
    kill -STOP "$before"
    claim a_stopped_agent_is_started_anew within 60 was_started_anew
    claim is_active_after_the_watchdog within 60 systemctl is-active tcpwarden
    rm -r $settings
    systemctl daemon-reload
}

remove() {
    claim is_removed dpkg -r tcpwarden
    claim removed_it_is_stopped not systemctl is-active tcpwarden
    claim removed_no_process_is_left within 60 not pgrep tcpwarden
    claim removed_its_file_stays cmp /tmp/edited $config
    claim is_installed_after_removal dpkg --force-confold -i old.deb
    claim is_active_after_that systemctl is-active tcpwarden
    claim is_purged dpkg -P tcpwarden
    claim purged_it_is_stopped not systemctl is-active tcpwarden
    claim purged_its_folder_is_gone not test -e /etc/tcpwarden
    claim purged_its_history_is_gone not test -e /var/lib/tcpwarden
    claim purged_its_variables_are_gone not test -e /etc/default/tcpwarden
    claim purged_its_unit_is_gone not systemctl cat tcpwarden
    claim purged_nothing_of_systemd_is_left not \
        sh -c 'find /etc/systemd /var/lib/systemd | grep tcpwarden'
    claim purged_its_sockets_are_gone not test -e /run/tcpwarden
}

of_rpm() {
    # There are no other packages of rpm here that could satisfy what it needs.
    options=--nodeps
    # Debian 12 wants to be asked twice, Debian 13 does not know the option.
    rpm --force-debian --version >/dev/null 2>&1 && options="--nodeps --force-debian"
    groupdel tcpwarden
    claim rpm_installs rpm -i $options tcpwarden.rpm
    claim rpm_makes_its_group getent group tcpwarden
    claim rpm_is_complete rpm -V --nodeps tcpwarden
    claim rpm_starts systemctl restart tcpwarden
    claim rpm_answers answers
    claim rpm_is_in_its_group in_group
    echo 'max-series = 99' >>$config
    cp $config /tmp/edited
    claim rpm_is_installed_again rpm -U --force $options tcpwarden.rpm
    claim rpm_keeps_what_was_edited cmp /tmp/edited $config
    claim rpm_is_active_after_that systemctl is-active tcpwarden
    claim rpm_is_removed rpm -e $options tcpwarden
    claim rpm_removed_it_is_stopped not systemctl is-active tcpwarden
    claim rpm_removed_what_was_edited_stays cmp /tmp/edited $config.rpmsave
    claim rpm_removed_its_history_is_gone not test -e /var/lib/tcpwarden
    claim rpm_removed_its_folders_are_gone not \
        sh -c 'ls -d /usr/share/tcpwarden /usr/share/doc/tcpwarden /usr/share/licenses/tcpwarden \
            /usr/lib/systemd/system/tcpwarden.service.d | grep .'
}

systemctl --version | head -1
install
leak
names
edit
upgrade
watchdog
remove
of_rpm
count_claims
