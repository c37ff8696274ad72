//! Spanish.

use super::{Language, Text};

pub(super) static SPANISH: Language = Language {
    tag: "es",
    name: "Español",
    languages: "Idioma",
    for_whom: "Esta página es para {whom}.",
    not_you: "¿No es usted?",
    not_you_then: "Entonces déjela para la persona a quien se envió y borre el mensaje. No ha cambiado nada: sin que esa persona inicie sesión, aquí no ocurre nada.",
    sign_in: "Iniciar sesión de nuevo",
    try_again: "Intentar de nuevo",
    open: "Abrir el inicio de sesión",
    signed_in: "Ya he iniciado sesión",
    check_now: "Comprobar ahora",
    refresh: "Actualizar",
    send_new: "Enviarme un enlace nuevo",
    fresh: Text {
        title: "Inicie sesión de nuevo, por favor",
        lines: &[
            "Una de las cuentas que conectó a {instance} necesita que inicie sesión de nuevo antes de poder usarse.",
            "Es cosa de uno o dos minutos. Después, esta página le dirá si funciona.",
        ],
    },
    warned: Text {
        title: "Su contraseña cambia pronto",
        lines: &[
            "Una de las cuentas que conectó a {instance} todavía funciona, pero hay que cambiar pronto su contraseña.",
            "Cámbiela como de costumbre. Luego inicie sesión aquí con la nueva, para que nada se interrumpa.",
        ],
    },
    leaving: Text {
        title: "Un paso más",
        lines: &[
            "El inicio de sesión se abre en una pestaña nueva. Queda abierto media hora.",
            "Vuelva a esta página cuando haya terminado.",
        ],
    },
    half_way: Text {
        title: "¿Aún no ha terminado?",
        lines: &[
            "Parece que el inicio de sesión se cerró antes del final. No se ha perdido nada.",
            "Puede intentarlo de nuevo cuando quiera.",
        ],
    },
    returned: Text {
        title: "Le damos la bienvenida de nuevo",
        lines: &["Un último paso: comprobamos que la cuenta funciona."],
    },
    checking: Text {
        title: "Gracias, lo estamos comprobando",
        lines: &[
            "Estamos preguntando si la cuenta funciona. Puede tardar unos minutos.",
            "Puede cerrar esta página. Si aún falta algo, le avisaremos.",
        ],
    },
    still_broken: Text {
        title: "Todavía no",
        lines: &[
            "La cuenta sigue pidiendo un inicio de sesión.",
            "Inténtelo una vez más, hasta el último paso.",
        ],
    },
    fixed: Text {
        title: "Todo listo",
        lines: &[
            "Esta cuenta está conectada. No queda nada por hacer.",
            "Puede cerrar esta página.",
        ],
    },
    ended: Text {
        title: "Este enlace ha caducado",
        lines: &[
            "Los enlaces dejan de funcionar al cabo de un tiempo, para proteger sus cuentas.",
            "Pulse el botón y enviaremos uno nuevo a la dirección que tenemos registrada.",
        ],
    },
    sent: Text {
        title: "Un enlace nuevo está en camino",
        lines: &[
            "Llegará a la dirección que tenemos registrada. Puede tardar unos minutos.",
            "Puede cerrar esta página.",
        ],
    },
    lost: Text {
        title: "Casi listo",
        lines: &[
            "Desde aquí no podemos saber de qué cuenta se trataba.",
            "Abra una vez más el enlace de su mensaje: esa página continúa desde aquí.",
        ],
    },
    unknown: Text {
        title: "Este enlace ya no se usa",
        lines: &[
            "Puede que sea antiguo o que no esté completo.",
            "Abra {instance} como de costumbre; le dirá si una cuenta le necesita.",
        ],
    },
    unreachable: Text {
        title: "No es posible en este momento",
        lines: &[
            "El inicio de sesión no responde. No es culpa suya.",
            "Inténtelo de nuevo en unos minutos. Su enlace sigue funcionando.",
        ],
    },
    too_often: Text {
        title: "Espere un poco, por favor",
        lines: &[
            "Se ha intentado muchas veces en poco tiempo.",
            "Inténtelo de nuevo más tarde. Su enlace sigue funcionando.",
        ],
    },
    not_set_up: Text {
        title: "Aún no es posible en esta página",
        lines: &[
            "El inicio de sesión no está configurado aquí.",
            "Abra {instance} como de costumbre; le llevará al inicio de sesión de esa cuenta.",
        ],
    },
    trouble: Text {
        title: "Inténtelo de nuevo en un minuto",
        lines: &[
            "Esta página no se puede mostrar ahora.",
            "Cárguela de nuevo en breve o abra {instance} como de costumbre.",
        ],
    },
    refused: Text {
        title: "Empiece desde su mensaje, por favor",
        lines: &[
            "Otra página pidió esta, así que no se hizo nada.",
            "Abra el enlace de su mensaje y continúe desde ahí.",
        ],
    },
};
