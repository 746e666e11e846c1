//! The WebAssembly boundary: one export a call, `(pointer, length) -> pointer`.
//!
//! The host allocates the arguments with `engine_alloc`; the call frees them.
//! The result is `u32 length ‖ frame`, to be freed with `engine_free`. The one
//! import is `host.fill_random`. A panic is a trap: the host drops the instance.

use std::cell::RefCell;
use std::mem::size_of;

use zeroize::Zeroize;

use crate::error::EngineError;
use crate::frame::{encode_outcome, FrameReader, FrameWriter};
use crate::inspect;

#[link(wasm_import_module = "host")]
extern "C" {
    fn fill_random(pointer: *mut u8, length: usize);
}

fn fill(target: &mut [u8]) -> Result<(), getrandom::Error> {
    // SAFETY: the slice is ours for the call; the host writes nothing else.
    unsafe { fill_random(target.as_mut_ptr(), target.len()) }
    Ok(())
}

getrandom::register_custom_getrandom!(fill);

const LENGTH_BYTES: usize = size_of::<u32>();

#[no_mangle]
pub extern "C" fn engine_alloc(length: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; length].into_boxed_slice()).cast()
}

/// # Safety
/// `pointer` and `length` come from `engine_alloc`, or are a result and its whole length.
#[no_mangle]
pub unsafe extern "C" fn engine_free(pointer: *mut u8, length: usize) {
    take(pointer, length).zeroize();
}

unsafe fn take(pointer: *mut u8, length: usize) -> Box<[u8]> {
    Box::from_raw(std::ptr::slice_from_raw_parts_mut(pointer, length))
}

fn reply(outcome: Result<FrameWriter, EngineError>) -> *mut u8 {
    let frame = encode_outcome(outcome);
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + frame.len());
    bytes.extend_from_slice(&u32::try_from(frame.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&frame);
    Box::into_raw(bytes.into_boxed_slice()).cast()
}

macro_rules! calls {
    ($engine:ident, $($export:ident => $method:ident;)*) => {
        $(
            /// # Safety
            /// The arguments come from `engine_alloc` and are given up.
            #[no_mangle]
            pub unsafe extern "C" fn $export(pointer: *mut u8, length: usize) -> *mut u8 {
                let input = zeroize::Zeroizing::new(take(pointer, length).into_vec());
                let mut reader = FrameReader::new(&input);
                $engine.with(|engine| reply(engine.borrow_mut().$method(&mut reader)))
            }
        )*
    };
}

macro_rules! free_calls {
    ($($export:ident => $function:path;)*) => {
        $(
            /// # Safety
            /// The arguments come from `engine_alloc` and are given up.
            #[no_mangle]
            pub unsafe extern "C" fn $export(pointer: *mut u8, length: usize) -> *mut u8 {
                let input = take(pointer, length);
                reply($function(&mut FrameReader::new(&input)))
            }
        )*
    };
}

free_calls! {
    inspect_key_package => inspect::inspect_key_package;
    peek_message => inspect::peek_message;
}

#[cfg(not(feature = "member"))]
thread_local! {
    static PUBLIC: RefCell<crate::public::PublicEngine> = RefCell::default();
}

#[cfg(not(feature = "member"))]
calls! { PUBLIC,
    public_from_group_info => from_group_info;
    public_process => process;
    public_merge => merge;
    public_drop_staged => drop_staged;
    public_context => context;
    public_members => members;
    public_tree => tree;
    public_verify_group_info => verify_group_info;
    public_serialize => serialize;
    public_restore => restore;
    public_release => release;
}

#[cfg(feature = "member")]
thread_local! {
    static MEMBER: RefCell<crate::member::MemberEngine> = RefCell::default();
}

#[cfg(feature = "member")]
calls! { MEMBER,
    member_init => init;
    member_restore => restore;
    member_load => load;
    member_unload => unload;
    member_delete => delete;
    member_groups => groups;
    member_peek_writes => peek_writes;
    member_commit_writes => commit_writes;
    member_rollback => rollback;
    member_create_group => create_group;
    member_key_package => key_package;
    member_delete_key_package => delete_key_package;
    member_join_welcome => join_welcome;
    member_external_join => external_join;
    member_commit => commit;
    member_merge_pending => merge_pending;
    member_clear_pending => clear_pending;
    member_stage => stage;
    member_merge_staged => merge_staged;
    member_drop_staged => drop_staged;
    member_seal => seal;
    member_open => open;
    member_members => members;
    member_status => status;
    member_context => context;
    member_epoch_authenticator => epoch_authenticator;
    member_export_secret => export_secret;
    member_export_tree => export_tree;
    member_export_group_info => export_group_info;
}
