//! Closed networks: a fixed population of clients circulates between stations.

use super::{TheoryError, not_negative};

/// A station of a closed network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Station {
    /// One server; clients queue.
    Queue {
        /// Mean service demand of one round, all visits together.
        demand: f64,
    },
    /// Several servers with one queue; exponential service.
    Servers {
        /// Mean service demand of one round.
        demand: f64,
        /// How many, at least 1.
        servers: u32,
    },
    /// Nobody waits: think time.
    Delay {
        /// Mean time spent in a round.
        demand: f64,
    },
}

/// A closed network of one class of clients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// Its stations.
    pub stations: Vec<Station>,
}

/// What a closed network does in steady state.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSolution {
    /// Rounds finished per unit of time.
    pub throughput: f64,
    /// Mean time of a round over all stations, delays included.
    pub round: f64,
    /// Mean time of a round at each station, in the order of [`Network::stations`].
    pub residence: Vec<f64>,
    /// Mean number of clients at each station.
    pub population: Vec<f64>,
}

/// Solves a closed product-form network for `clients` clients by exact mean value analysis.
///
/// Exponential service at queues with FIFO (any distribution at delays and under processor sharing). `O(clients ×
/// stations)`, for multi-server stations times their servers.
///
/// # Errors
///
/// [`TheoryError::OutOfRange`] when a demand is negative, a station has no server, or all demands are 0.
///
/// # Source
///
/// M. Reiser, S. S. Lavenberg, "Mean-value analysis of closed multichain queuing networks", JACM 27 (1980); several
/// servers through the marginal probabilities of the same paper.
///
/// # Examples
///
/// Two equal queues and two clients: each client meets the other at its station in a third of the cases.
///
/// ```
/// use conlab_sim::theory::{Network, Station, mean_value_analysis};
/// let network = Network { stations: vec![Station::Queue { demand: 1.0 }; 2] };
/// let solution = mean_value_analysis(&network, 2)?;
/// assert!((solution.throughput - 2.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn mean_value_analysis(network: &Network, clients: u32) -> Result<NetworkSolution, TheoryError> {
    let mut stations = Vec::with_capacity(network.stations.len());
    for station in &network.stations {
        let (demand, servers) = match *station {
            Station::Queue { demand } => (demand, 1),
            Station::Servers { demand, servers } => (demand, servers),
            Station::Delay { demand } => (demand, u32::MAX),
        };
        not_negative("demand", demand)?;
        if servers == 0 {
            return Err(TheoryError::OutOfRange { name: "servers", value: 0.0, expected: "at least 1" });
        }
        stations.push(Solving::new(demand, servers));
    }
    if stations.iter().all(|station| station.demand == 0.0) {
        return Err(TheoryError::OutOfRange { name: "demand", value: 0.0, expected: "above 0 somewhere" });
    }
    let mut throughput = 0.0;
    for population in 1..=clients {
        let round: f64 = stations.iter_mut().map(Solving::residence).sum();
        throughput = f64::from(population) / round;
        stations.iter_mut().for_each(|station| station.settle(throughput));
    }
    let residence: Vec<f64> = stations.iter().map(|station| station.residence).collect();
    Ok(NetworkSolution {
        throughput,
        round: residence.iter().sum(),
        population: stations.iter().map(|station| station.clients).collect(),
        residence,
    })
}

/// A station while the population grows.
struct Solving {
    demand: f64,
    servers: u32,
    residence: f64,
    clients: f64,
    /// Probability of 0, 1, … clients, below the number of servers; for several servers only.
    marginal: Vec<f64>,
}

impl Solving {
    fn new(demand: f64, servers: u32) -> Self {
        let kept = if servers > 1 && servers < u32::MAX { servers as usize } else { 0 };
        let mut marginal = vec![0.0; kept];
        if let Some(empty) = marginal.first_mut() {
            *empty = 1.0;
        }
        Self { demand, servers, residence: 0.0, clients: 0.0, marginal }
    }

    /// Time of a round here with one more client, from the state with one less.
    fn residence(&mut self) -> f64 {
        self.residence = match self.servers {
            u32::MAX => self.demand,
            1 => self.demand * (1.0 + self.clients),
            servers => {
                let servers = f64::from(servers);
                let idle: f64 = self
                    .marginal
                    .iter()
                    .take(self.marginal.len() - 1)
                    .zip(1_u32..)
                    .map(|(probability, busy)| (servers - f64::from(busy)) * probability)
                    .sum();
                self.demand / servers * (1.0 + self.clients + idle)
            }
        };
        self.residence
    }

    fn settle(&mut self, throughput: f64) {
        self.clients = throughput * self.residence;
        if self.marginal.is_empty() {
            return;
        }
        let servers = f64::from(self.servers);
        let mut busy = throughput * self.demand;
        let mut weighted = 0.0;
        for count in (1..self.marginal.len()).rev() {
            let jobs = u32::try_from(count).map_or(servers, f64::from);
            self.marginal[count] = throughput * self.demand / jobs * self.marginal[count - 1];
            weighted += (servers - jobs) * self.marginal[count];
        }
        busy += weighted;
        self.marginal[0] = (1.0 - busy / servers).max(0.0);
    }
}

/// The machine-repair model M/M/c//N: `clients` think for `think` on average and are served by `servers` servers for
/// `service` on average. Returns throughput and mean response time (wait and service).
///
/// # Errors
///
/// [`TheoryError::OutOfRange`] for negative times, no server, or no time at all.
///
/// # Source
///
/// The birth–death chain of Kleinrock, *Queueing Systems* vol. 1 (1975), ch. 3 (finite population), with the
/// response-time law `R = N/X − Z`.
///
/// # Examples
///
/// A single client never waits:
///
/// ```
/// let (throughput, response) = conlab_sim::theory::machine_repair(1, 4, 3.0, 1.0)?;
/// assert!((throughput - 0.25).abs() < 1e-12 && (response - 1.0).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn machine_repair(
    clients: u32,
    servers: u32,
    think: f64,
    service: f64,
) -> Result<(f64, f64), TheoryError> {
    not_negative("think", think)?;
    not_negative("service", service)?;
    if servers == 0 || clients == 0 || service == 0.0 {
        return Err(TheoryError::OutOfRange {
            name: "service",
            value: service,
            expected: "somebody to serve, for some time",
        });
    }
    if think == 0.0 {
        let throughput = f64::from(servers.min(clients)) / service;
        return Ok((throughput, f64::from(clients) / throughput));
    }
    // Weights relative to the state with nobody at the servers, rescaled so that they stay finite.
    let (mut weight, mut total, mut busy) = (1.0_f64, 1.0_f64, 0.0_f64);
    for present in 1..=clients {
        let arrivals = f64::from(clients - present + 1) / think;
        let working = f64::from(present.min(servers));
        weight *= arrivals * service / working;
        total += weight;
        busy += weight * working;
        if total > 1e200 {
            (weight, total, busy) = (weight / 1e200, total / 1e200, busy / 1e200);
        }
    }
    let throughput = busy / total / service;
    Ok((throughput, f64::from(clients) / throughput - think))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_with_thinking_clients_agree_with_the_birth_death_chain() {
        for (clients, servers) in [(5, 2), (64, 8), (20, 3), (3, 16)] {
            let stations = vec![Station::Delay { demand: 7.0 }, Station::Servers { demand: 1.0, servers }];
            let solution = mean_value_analysis(&Network { stations }, clients).unwrap();
            let (throughput, response) = machine_repair(clients, servers, 7.0, 1.0).unwrap();
            assert!((solution.throughput / throughput - 1.0).abs() < 1e-9, "{clients} {servers}");
            assert!((solution.residence[1] / response - 1.0).abs() < 1e-9, "{clients} {servers}");
        }
    }

    #[test]
    fn clients_are_conserved_and_the_bottleneck_bounds_the_throughput() {
        let stations = vec![
            Station::Queue { demand: 5.0 },
            Station::Queue { demand: 2.0 },
            Station::Delay { demand: 10.0 },
        ];
        let network = Network { stations };
        for clients in [1, 2, 10, 100, 1000] {
            let solution = mean_value_analysis(&network, clients).unwrap();
            assert!((solution.population.iter().sum::<f64>() - f64::from(clients)).abs() < 1e-6);
            assert!(solution.throughput <= 0.2 + 1e-12);
        }
        assert!(mean_value_analysis(&network, 1000).unwrap().throughput > 0.1999);
        assert!(mean_value_analysis(&Network::default(), 1).is_err());
    }
}
