//! What was worked out last, kept for an experiment that differs in other things.

use std::ops::Deref;
use std::sync::Arc;

/// The last value of a function, and what it was made of. The function sees nothing else, so that nothing else matters.
#[derive(Debug)]
pub struct Kept<K, V: ?Sized> {
    last: Option<(K, Arc<V>)>,
    made: usize,
}

impl<K, V: ?Sized> Default for Kept<K, V> {
    fn default() -> Kept<K, V> {
        Kept { last: None, made: 0 }
    }
}

impl<K: PartialEq, V: ?Sized> Kept<K, V> {
    /// The value for a key: the last one, if that was made of the same.
    pub fn of(&mut self, key: K, make: impl FnOnce(&K) -> Arc<V>) -> Arc<V> {
        if let Some((known, value)) = &self.last
            && *known == key
        {
            return Arc::clone(value);
        }
        let value = make(&key);
        self.last = Some((key, Arc::clone(&value)));
        self.made += 1;
        value
    }

    /// How often a value was made.
    pub fn made(&self) -> usize {
        self.made
    }
}

/// A shared value that is equal to itself alone: not gone through to be compared.
#[derive(Debug)]
pub struct Same<T: ?Sized>(pub Arc<T>);

impl<T: ?Sized> PartialEq for Same<T> {
    fn eq(&self, other: &Same<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: ?Sized> Deref for Same<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_again_when_its_key_is_another() {
        let mut kept: Kept<f64, str> = Kept::default();
        for (key, made) in [(1.0, 1), (1.0, 1), (2.0, 2), (1.0, 3), (f64::NAN, 4), (f64::NAN, 5)] {
            assert_eq!(&*kept.of(key, |key| key.to_string().into()), key.to_string());
            assert_eq!(kept.made(), made);
        }
    }

    #[test]
    fn a_shared_value_is_itself_alone() {
        let one: Arc<[u8]> = Arc::from([1, 2]);
        assert!(Same(Arc::clone(&one)) == Same(Arc::clone(&one)));
        assert!(Same(one) != Same(Arc::from([1, 2])));
    }
}
