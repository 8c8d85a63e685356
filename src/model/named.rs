//! Enums whose variants have a word each, made from one list.

/// Makes an enum of variants with their words, the list of all of them, and the word of each.
macro_rules! named {
    (
        $(#[$about:meta])* $visible:vis enum $name:ident {
            $( $(#[$own:meta])* $variant:ident = $word:literal, )*
        }
        $(#[$all_about:meta])* ALL;
        $(#[$name_about:meta])* name;
    ) => {
        $(#[$about])*
        $visible enum $name { $( $(#[$own])* $variant, )* }

        impl $name {
            $(#[$all_about])*
            $visible const ALL: [$name; [$($word),*].len()] = [$( $name::$variant, )*];

            $(#[$name_about])*
            $visible const fn name(self) -> &'static str {
                match self { $( $name::$variant => $word, )* }
            }
        }
    };
}

pub(super) use named;
