//! The texts of a batch, which its series and metadata refer to.

use std::collections::HashMap;

/// Each text once; the first is the empty one.
pub struct Symbols {
    texts: Vec<String>,
    places: HashMap<String, u32>,
}

impl Default for Symbols {
    fn default() -> Self {
        Self { texts: vec![String::new()], places: HashMap::from([(String::new(), 0)]) }
    }
}

impl Symbols {
    pub fn of(&mut self, text: &str) -> u32 {
        if let Some(&place) = self.places.get(text) {
            return place;
        }
        let place = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }

    pub fn into_texts(self) -> Vec<String> {
        self.texts
    }
}
