//! The admission server: derives names, injects them, or refuses with the whole reason. Reads only.
