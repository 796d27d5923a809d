//! Whether this process is one of several ranks, as the program that started it says in the environment.

use std::time::Duration;

use super::c10d::StoreAddress;
use crate::{Error, Result};

/// The port of rank 0 where nobody names one, as torchrun's.
const PORT: u16 = 29500;

/// Ports that jobs of Slurm take by their numbers.
const SLURM_PORTS: std::ops::Range<u64> = 20_000..30_000;

/// What all keys of a training begin with in a store of its own.
const PREFIX: &str = "em";

/// One of several processes that train a network together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Launch {
    /// The number of this process, from 0.
    pub rank: usize,
    /// The number of processes, at least 2.
    pub size: usize,
    /// The number of this process among those on its machine, from 0.
    pub local_rank: usize,
    /// What started it.
    pub launcher: Launcher,
    /// How long it waits for the others.
    pub patience: Duration,
    pub(super) store: StoreAddress,
}

/// What starts ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// `torchrun`, or whoever sets the same variables: `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR`
    /// and `MASTER_PORT`.
    Torchrun,
    /// `srun` of Slurm.
    Srun,
    /// `mpirun` of Open MPI, or of MPICH and its kin.
    Mpirun,
}

/// A variable of the environment.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Launch {
    /// Reads the environment; `None` where this process is not one of several.
    ///
    /// `RANK` and `WORLD_SIZE` count first, then the variables of a step of Slurm, then those of MPI.
    /// The shell of a batch job, where Slurm tells of tasks that nobody has started, is no rank.
    ///
    /// # Errors
    ///
    /// [`Error::Launch`] where a variable is no number or is missing, or a rank is not below their number.
    pub fn from_environment() -> Result<Option<Self>> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    fn from_variables(variable: Lookup<'_>) -> Result<Option<Self>> {
        let variable = &|name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let Some(place) = Place::find(variable)? else { return Ok(None) };
        if place.size <= 1 {
            return Ok(None);
        }
        if place.rank >= place.size {
            let problem =
                format!("rank {} of {}, expected a rank below their number", place.rank, place.size);
            return Err(Error::Launch { problem });
        }
        // torchrun's own store, which is there already.
        let is_served = variable("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True");
        let prefix = match variable("TORCHELASTIC_RESTART_COUNT") {
            Some(attempt) if is_served => format!("{PREFIX}/attempt_{attempt}"),
            _ => PREFIX.into(),
        };
        let port = number::<u16>(variable, "MASTER_PORT")?.unwrap_or(place.port);
        let host = match variable("MASTER_ADDR").or(place.host) {
            Some(host) => host,
            None => {
                let problem = "nothing says where rank 0 is: MASTER_ADDR is not set".into();
                return Err(Error::Launch { problem });
            }
        };
        Ok(Some(Self {
            rank: place.rank,
            size: place.size,
            local_rank: place.local_rank,
            launcher: place.launcher,
            patience: Duration::from_secs(300),
            store: StoreAddress { host, port, serves: place.rank == 0 && !is_served, prefix },
        }))
    }
}

/// What a launcher says of a rank.
struct Place {
    launcher: Launcher,
    rank: usize,
    size: usize,
    local_rank: usize,
    /// Where rank 0 is, as far as the launcher tells.
    host: Option<String>,
    /// Its port where nobody names one.
    port: u16,
}

impl Place {
    fn find(variable: Lookup<'_>) -> Result<Option<Self>> {
        // `mpirun` may itself be started by Slurm, within a step or to reach other machines: what is innermost counts.
        for find in [Self::of_torchrun, Self::of_mpirun, Self::of_srun] {
            if let Some(found) = find(variable)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn of_torchrun(variable: Lookup<'_>) -> Result<Option<Self>> {
        let (Some(rank), Some(size)) = (number(variable, "RANK")?, number(variable, "WORLD_SIZE")?) else {
            return Ok(None);
        };
        let local_rank = number(variable, "LOCAL_RANK")?.unwrap_or(rank);
        Ok(Some(Self { launcher: Launcher::Torchrun, rank, size, local_rank, host: None, port: PORT }))
    }

    /// What `srun` says of a step. SLURM_NTASKS and SLURM_PROCID alone are in the shell of a batch job, too,
    /// which has no other ranks: a step has its own number of tasks.
    fn of_srun(variable: Lookup<'_>) -> Result<Option<Self>> {
        let (Some(rank), Some(size)) =
            (number(variable, "SLURM_PROCID")?, number(variable, "SLURM_STEP_NUM_TASKS")?)
        else {
            return Ok(None);
        };
        let local_rank = number(variable, "SLURM_LOCALID")?.unwrap_or(0);
        let nodes = variable("SLURM_STEP_NODELIST").or_else(|| variable("SLURM_JOB_NODELIST"));
        let job: u64 = number(variable, "SLURM_JOB_ID")?.unwrap_or(0);
        let step: u64 = number(variable, "SLURM_STEP_ID")?.unwrap_or(0);
        let ports = SLURM_PORTS.end - SLURM_PORTS.start;
        // Steps of one job may run side by side.
        let port = SLURM_PORTS.start + job.wrapping_mul(16).wrapping_add(step) % ports;
        let port = u16::try_from(port).expect("ports of Slurm have 16 bits");
        let host = nodes.as_deref().and_then(first_node);
        Ok(Some(Self { launcher: Launcher::Srun, rank, size, local_rank, host, port }))
    }

    fn of_mpirun(variable: Lookup<'_>) -> Result<Option<Self>> {
        let names = [
            [
                "OMPI_COMM_WORLD_RANK",
                "OMPI_COMM_WORLD_SIZE",
                "OMPI_COMM_WORLD_LOCAL_RANK",
                "OMPI_COMM_WORLD_LOCAL_SIZE",
            ],
            ["PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"],
        ];
        for [rank, size, local_rank, local_size] in names {
            // `srun` sets PMI_RANK, too, but not this one.
            if rank == "PMI_RANK" && variable(local_rank).is_none() {
                continue;
            }
            let (Some(rank), Some(size)) = (number(variable, rank)?, number(variable, size)?) else {
                continue;
            };
            let local_rank = number(variable, local_rank)?.unwrap_or(0);
            // Where all ranks are on one machine, rank 0 is on this one.
            let is_local = number(variable, local_size)? == Some(size);
            let host = is_local.then(|| "127.0.0.1".to_owned());
            return Ok(Some(Self { launcher: Launcher::Mpirun, rank, size, local_rank, host, port: PORT }));
        }
        Ok(None)
    }
}

/// Reads a variable that is a number.
fn number<N: std::str::FromStr>(variable: Lookup<'_>, name: &str) -> Result<Option<N>> {
    let Some(value) = variable(name) else { return Ok(None) };
    let problem = || Error::Launch { problem: format!("{name} is `{value}`, expected a whole number") };
    value.trim().parse().map(Some).map_err(|_| problem())
}

/// The first machine of a list of Slurm, such as `gpu[03-05,9],login`.
fn first_node(list: &str) -> Option<String> {
    let (before, rest) = match list.find(['[', ',']) {
        Some(end) if list[end..].starts_with('[') => list.split_at(end),
        Some(end) => return Some(list[..end].to_owned()),
        None => return Some(list.to_owned()),
    };
    let (numbers, after) = rest[1..].split_once(']')?;
    let first = numbers.split(['-', ',']).next()?;
    let after = after.split(',').next().unwrap_or_default();
    Some(format!("{before}{first}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(variables: &[(&str, &str)]) -> Result<Option<Launch>> {
        Launch::from_variables(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn place(launch: &Launch) -> (usize, usize, usize, &str, u16, bool) {
        let store = &launch.store;
        (launch.rank, launch.size, launch.local_rank, &store.host, store.port, store.serves)
    }

    #[test]
    fn torchrun_tells_where_its_store_is() {
        let mut variables = vec![
            ("RANK", "1"),
            ("WORLD_SIZE", "4"),
            ("LOCAL_RANK", "1"),
            ("MASTER_ADDR", "node1"),
            ("MASTER_PORT", "1234"),
        ];
        let found = launch(&variables).unwrap().unwrap();
        assert_eq!(place(&found), (1, 4, 1, "node1", 1234, false));
        variables[0].1 = "0";
        assert!(launch(&variables).unwrap().unwrap().store.serves, "nobody else does");
        variables.extend([("TORCHELASTIC_USE_AGENT_STORE", "True"), ("TORCHELASTIC_RESTART_COUNT", "2")]);
        let found = launch(&variables).unwrap().unwrap();
        assert_eq!((found.store.serves, found.store.prefix.as_str()), (false, "em/attempt_2"));
    }

    #[test]
    fn a_step_of_slurm_finds_its_first_node() {
        let variables = [
            ("SLURM_PROCID", "3"),
            ("SLURM_STEP_NUM_TASKS", "8"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_STEP_NODELIST", "gpu[03-05,9]"),
            ("SLURM_JOB_ID", "1001"),
            ("SLURM_STEP_ID", "2"),
        ];
        let found = launch(&variables).unwrap().unwrap();
        assert_eq!(place(&found), (3, 8, 1, "gpu03", 20_000 + 6018, false));
        for (list, first) in
            [("a", "a"), ("a,b", "a"), ("a-1,b[2-3]", "a-1"), ("n[7,9]-ib,m1", "n7-ib"), ("n[01-20]", "n01")]
        {
            assert_eq!(first_node(list).as_deref(), Some(first), "{list}");
        }
    }

    #[test]
    fn the_shell_of_a_batch_job_is_no_rank() {
        let shell =
            [("SLURM_NTASKS", "8"), ("SLURM_PROCID", "0"), ("SLURM_LOCALID", "0"), ("SLURM_JOB_ID", "7")];
        assert_eq!(launch(&shell).unwrap(), None);
    }

    #[test]
    fn mpirun_on_one_machine_needs_no_address() {
        let mut variables = vec![
            ("OMPI_COMM_WORLD_RANK", "1"),
            ("OMPI_COMM_WORLD_SIZE", "2"),
            ("OMPI_COMM_WORLD_LOCAL_RANK", "1"),
            ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"),
        ];
        let found = launch(&variables).unwrap().unwrap();
        assert_eq!(place(&found), (1, 2, 1, "127.0.0.1", PORT, false));
        variables[3].1 = "1";
        let error = launch(&variables).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this process is started as one of several ranks, but nothing says where rank 0 is: MASTER_ADDR is not set"
        );
        variables.push(("MASTER_ADDR", "10.0.0.1"));
        assert_eq!(launch(&variables).unwrap().unwrap().store.host, "10.0.0.1");
        let mpich =
            [("PMI_RANK", "0"), ("PMI_SIZE", "2"), ("MPI_LOCALRANKID", "0"), ("MPI_LOCALNRANKS", "2")];
        assert_eq!(place(&launch(&mpich).unwrap().unwrap()), (0, 2, 0, "127.0.0.1", PORT, true));
    }

    #[test]
    fn of_mpirun_within_slurm_mpirun_counts() {
        let slurm = [("SLURM_PROCID", "0"), ("SLURM_STEP_NUM_TASKS", "1"), ("SLURM_STEP_NODELIST", "a")];
        let mpich =
            [("PMI_RANK", "1"), ("PMI_SIZE", "4"), ("MPI_LOCALRANKID", "1"), ("MPI_LOCALNRANKS", "4")];
        let found = launch(&[&slurm[..], &mpich[..]].concat()).unwrap().unwrap();
        assert_eq!(place(&found), (1, 4, 1, "127.0.0.1", PORT, false));
        let srun = [("SLURM_PROCID", "2"), ("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_STEP_NODELIST", "a")];
        let pmi2 = [("PMI_RANK", "2"), ("PMI_SIZE", "4")];
        assert_eq!(launch(&[&srun[..], &pmi2[..]].concat()).unwrap().unwrap().launcher, Launcher::Srun);
    }

    #[test]
    fn one_process_alone_is_no_rank() {
        assert_eq!(launch(&[]).unwrap(), None);
        assert_eq!(launch(&[("RANK", "0"), ("WORLD_SIZE", "1")]).unwrap(), None);
        assert_eq!(launch(&[("WORLD_SIZE", "4")]).unwrap(), None);
    }

    #[test]
    fn a_variable_that_makes_no_sense_is_named() {
        let error = launch(&[("RANK", "first"), ("WORLD_SIZE", "2")]).unwrap_err();
        assert!(error.to_string().ends_with("but RANK is `first`, expected a whole number"), "{error}");
        let error = launch(&[("RANK", "2"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a")]).unwrap_err();
        assert!(error.to_string().ends_with("rank 2 of 2, expected a rank below their number"), "{error}");
    }
}
