//! Slurm's variables, from which the reference derives where ranks meet: the branch `SLURM_JOB_ID` of
//! `dinov3/distributed/torch_distributed_wrapper.py`.
//!
//! The reference asks `scontrol show hostnames` for the hosts of `SLURM_JOB_NODELIST`. [`hosts`] expands the list itself, since containers
//! rarely have Slurm's programs.

use dinov3_data::random::PythonRandom;
use dinov3_ranks::{Env, EnvError};

/// The ports that the reference draws from, both included.
const PORTS: (i64, i64) = (20_000, 60_000);

/// The most hosts that a list may stand for.
const MOST_HOSTS: usize = 1 << 16;

/// The job's number and this process's place in it, from variables that `get` reads.
///
/// # Errors
/// If a variable is missing, is malformed, or contradicts another; the error names it.
pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<(u64, Env), EnvError> {
    let text = |name| get(name).filter(|value| !value.is_empty()).ok_or(EnvError::Missing { name });
    let number = |name| {
        let value = text(name)?;
        let malformed = |value| EnvError::Malformed { name, value, wanted: "a whole number from 0" };
        value.parse::<usize>().map_err(|_| malformed(value))
    };
    let job = number("SLURM_JOB_ID")? as u64;
    let nodes = number("SLURM_JOB_NUM_NODES")?;
    let list = text("SLURM_JOB_NODELIST")?;
    let wanted = "a list of hosts such as node[01-03,07]";
    let hosts = hosts(&list).ok_or(EnvError::Malformed { name: "SLURM_JOB_NODELIST", value: list, wanted })?;
    if hosts.len() != nodes {
        let other = "the number of hosts in SLURM_JOB_NODELIST";
        return Err(EnvError::Contradicts {
            name: "SLURM_JOB_NUM_NODES",
            value: nodes,
            other,
            other_value: hosts.len(),
        });
    }
    let (rank, world_size, local_rank) = (number("SLURM_PROCID")?, number("SLURM_NTASKS")?, number("SLURM_LOCALID")?);
    let below = |name, value, other, other_value| {
        if value < other_value { Ok(()) } else { Err(EnvError::Contradicts { name, value, other, other_value }) }
    };
    below("SLURM_PROCID", rank, "SLURM_NTASKS", world_size)?;
    below("SLURM_LOCALID", local_rank, "SLURM_NTASKS / SLURM_JOB_NUM_NODES", world_size / nodes)?;
    let master_port = match get("MASTER_PORT") {
        Some(value) => {
            let port = value.parse().ok().filter(|port: &u16| *port > 0);
            port.ok_or(EnvError::Malformed { name: "MASTER_PORT", value, wanted: "a port from 1 to 65535" })?
        }
        None => port(job),
    };
    let master_addr = hosts.into_iter().next().unwrap_or_default();
    let patience = Env::patience_of(&get)?;
    let (agent_store, restarts) = (false, 0);
    Ok((job, Env { rank, world_size, local_rank, master_addr, master_port, agent_store, restarts, patience }))
}

/// `random.Random(job).randint(20000, 60000)`.
fn port(job: u64) -> u16 {
    PythonRandom::new(job).randint(PORTS.0, PORTS.1) as u16
}

/// The hosts of a list such as `login,node[01-03,07]`, in its order; `None` if it is none.
fn hosts(list: &str) -> Option<Vec<String>> {
    let (mut depth, mut hosts) = (0, Vec::new());
    let items = list.split(|it| {
        match it {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        it == ',' && depth == 0
    });
    for item in items.collect::<Vec<_>>() {
        hosts.extend(expanded(item)?);
    }
    (hosts.len() <= MOST_HOSTS).then_some(hosts)
}

/// The hosts of one item: text and ranges in brackets, in turn.
fn expanded(item: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = item.split_once('[') else {
        return (!item.is_empty() && !item.contains(']')).then(|| vec![item.to_owned()]);
    };
    let (ranges, after) = rest.split_once(']')?;
    let ends = if after.is_empty() { vec![String::new()] } else { expanded(after)? };
    let mut hosts = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [from, to] = [first, last].map(|it| it.parse::<usize>());
        let (from, to) = (from.ok()?, to.ok()?);
        if to < from || (to - from).checked_mul(ends.len())? >= MOST_HOSTS {
            return None;
        }
        for number in from..=to {
            hosts.extend(ends.iter().map(|end| format!("{before}{number:0width$}{end}", width = first.len())));
        }
    }
    Some(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [(&str, &str); 6] = [
        ("SLURM_JOB_ID", "4711"),
        ("SLURM_JOB_NUM_NODES", "2"),
        ("SLURM_JOB_NODELIST", "node[07,12]"),
        ("SLURM_PROCID", "5"),
        ("SLURM_NTASKS", "8"),
        ("SLURM_LOCALID", "1"),
    ];

    fn read_with(changes: &[(&str, Option<&str>)]) -> Result<(u64, Env), EnvError> {
        read(|name| match changes.iter().find(|(changed, _)| *changed == name) {
            Some((_, value)) => value.map(str::to_owned),
            None => PLAIN.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()),
        })
    }

    const PORTS_OF_PYTHON: [(u64, u16); 7] = [
        (0, 45247),
        (1, 28805),
        (4711, 28912),
        (1234567, 48357),
        (4294967295, 33316),
        (4294967296, 27405),
        (98765432109, 44191),
    ];

    /// The ports are those of CPython 3.11.
    #[test]
    fn the_port_is_drawn_as_python_draws_it() {
        for (job, expected) in PORTS_OF_PYTHON {
            assert_eq!(port(job), expected, "{job}");
        }
    }

    #[test]
    fn a_place_is_derived() {
        let (job, env) = read_with(&[]).unwrap();
        assert_eq!((job, env.rank, env.world_size, env.local_rank), (4711, 5, 8, 1));
        assert_eq!((env.master_addr.as_str(), env.master_port), ("node07", port(4711)));
        let (_, env) = read_with(&[("MASTER_PORT", Some("29500"))]).unwrap();
        assert_eq!(env.master_port, 29500);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, _) in PLAIN {
            let said = read_with(&[(name, None)]).unwrap_err().to_string();
            assert_eq!(said, format!("the environment variable {name} is not set"));
        }
        let said = |name, value| read_with(&[(name, Some(value))]).unwrap_err().to_string();
        assert_eq!(
            said("SLURM_JOB_NUM_NODES", "3"),
            "the environment variable SLURM_JOB_NUM_NODES is 3, but the number of hosts in SLURM_JOB_NODELIST is 2"
        );
        assert_eq!(
            said("SLURM_LOCALID", "4"),
            "the environment variable SLURM_LOCALID is 4, but SLURM_NTASKS / SLURM_JOB_NUM_NODES is 4"
        );
        assert_eq!(said("SLURM_PROCID", "8"), "the environment variable SLURM_PROCID is 8, but SLURM_NTASKS is 8");
        for (name, value) in [("SLURM_JOB_ID", "x"), ("SLURM_NTASKS", "-1"), ("MASTER_PORT", "0")] {
            assert!(said(name, value).contains(&format!("{name} is {value:?}, which is not ")));
        }
        assert!(
            said("SLURM_JOB_NODELIST", "node[3-1]").ends_with("which is not a list of hosts such as node[01-03,07]")
        );
    }

    #[test]
    fn lists_of_hosts_are_expanded() {
        let all = |list| hosts(list).map(|hosts| hosts.join(" "));
        for (list, expected) in [
            ("alone", Some("alone")),
            ("a,b-1.example.org", Some("a b-1.example.org")),
            ("node[01-03,07]", Some("node01 node02 node03 node07")),
            ("node[8-11]", Some("node8 node9 node10 node11")),
            ("login,r[1-2]n[0,5]-ib", Some("login r1n0-ib r1n5-ib r2n0-ib r2n5-ib")),
            ("node[1-", None),
            ("node]", None),
            ("node[a-b]", None),
            ("node[1-99999999]", None),
            ("n[0-9999]m[0-9999]", None),
            ("a,,b", None),
            ("node[]", None),
        ] {
            assert_eq!(all(list).as_deref(), expected, "{list}");
        }
    }
}
