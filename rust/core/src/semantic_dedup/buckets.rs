//! A set of rows by the clusters in which they meet.

use super::clusters::Clusters;

/// The rows of a set in each cluster: those at home there, and its guests. Both in the order of the set.
#[derive(Debug)]
pub struct Buckets {
    home: Lists,
    guests: Lists,
    rows: usize,
}

#[derive(Debug)]
struct Lists {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Buckets {
    /// Without clusters there is one, where all rows are at home.
    pub fn new(rows: &[u32], clusters: Option<&Clusters>) -> Self {
        let Some(clusters) = clusters else {
            let home = Lists { starts: vec![0, rows.len() as u32], rows: rows.to_vec() };
            return Self { home, guests: Lists { starts: vec![0, 0], rows: Vec::new() }, rows: rows.len() };
        };
        let home = Lists::new(rows, clusters.count(), |row| std::slice::from_ref(&clusters.of(row)[0]));
        let guests = Lists::new(rows, clusters.count(), |row| &clusters.of(row)[1..]);
        Self { home, guests, rows: rows.len() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many clusters there are.
    pub fn clusters(&self) -> usize {
        self.home.starts.len() - 1
    }

    /// The rows at home in a cluster.
    pub fn home(&self, cluster: usize) -> &[u32] {
        self.home.of(cluster)
    }

    /// The rows that are guests of a cluster.
    pub fn guests(&self, cluster: usize) -> &[u32] {
        self.guests.of(cluster)
    }
}

impl Lists {
    fn new<'a>(rows: &[u32], clusters: usize, clusters_of: impl Fn(u32) -> &'a [u32]) -> Self {
        let mut starts = vec![0_u32; clusters + 1];
        for &row in rows {
            for &cluster in clusters_of(row) {
                starts[cluster as usize + 1] += 1;
            }
        }
        for cluster in 0..clusters {
            starts[cluster + 1] += starts[cluster];
        }
        let mut places = starts.clone();
        let mut members = vec![0; starts[clusters] as usize];
        for &row in rows {
            for &cluster in clusters_of(row) {
                let place = &mut places[cluster as usize];
                members[*place as usize] = row;
                *place += 1;
            }
        }
        Self { starts, rows: members }
    }

    fn of(&self, cluster: usize) -> &[u32] {
        &self.rows[self.starts[cluster] as usize..self.starts[cluster + 1] as usize]
    }
}
