//! `hostsync lookup`: what the hosts file says of a name.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use hosts_file::addresses_of;

use crate::apply::remedy::Remedied;
use crate::commands::cli::LookupArgs;

pub(super) fn lookup(args: &LookupArgs) -> anyhow::Result<ExitCode> {
    let path = &args.hosts_file.one()?;
    let text = hosts_file::read(path).map_err(Remedied::from)?;
    let addresses = addresses_of(&text, args.name.trim_end_matches('.'));
    if addresses.is_empty() {
        let (file, name) = (path.display(), &args.name);
        bail!(
            "{file} has no line for {name:?}; `hostsync status` says whether it is in step, \
             `nameserver lookup` what the tree says"
        );
    }
    let mut stdout = daemon::stdout();
    for address in addresses {
        writeln!(stdout, "{address}")?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}
