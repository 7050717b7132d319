//! Hostile guests: each does one thing that a transform must not do, and the sandbox must survive it.

#[cfg(test)]
mod guest;
#[cfg(test)]
mod host;

#[cfg(test)]
mod abi;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod load;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod residue;
#[cfg(test)]
mod time;
#[cfg(test)]
mod wasi;
#[cfg(test)]
mod wasi_limits;
#[cfg(test)]
mod well_behaved;
